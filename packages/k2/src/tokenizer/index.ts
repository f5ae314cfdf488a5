export { type ChatMessage, type ChatOptions, renderChat } from "./chat.ts";
export { formatRanks, loadTokenizer, parseRanks, ranksFile, saveTokenizer, tokenizerHash } from "./files.ts";
export { publishedPattern, splitPattern } from "./pattern.ts";
export { splitText } from "./scanner.ts";
export { type EncodeOptions, type StreamingDecoder, Tokenizer } from "./tokenizer.ts";
export { type TokenizerTrainingOptions, trainTokenizer } from "./train.ts";
