/** K2's chat format, turn by turn, against the text that its published template makes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChatMessage, type ChatOptions, renderChat, Tokenizer } from "@baltoro/k2";
import fc from "fast-check";

/** Every byte is a token: ids can be read. */
const tokenizer = new Tokenizer(Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)));
const system = "<|im_system|>system<|im_middle|>You are Kimi, an AI assistant created by Moonshot AI.<|im_end|>";
const opening = "<|im_assistant|>assistant<|im_middle|>";

function render(messages: readonly ChatMessage[], options?: ChatOptions): string {
  return tokenizer.decode(renderChat(tokenizer, messages, options));
}

test("turns, the default system message, and the opening of the answer", () => {
  assert.equal(
    render([{ role: "user", content: "Hi" }]),
    `${system}<|im_user|>user<|im_middle|>Hi<|im_end|>${opening}`,
  );
  assert.equal(
    render(
      [
        { role: "system", content: "Be brief." },
        { role: "user", content: "1+1?", name: "Ada" },
        { role: "assistant", content: "2" },
      ],
      { addGenerationPrompt: false },
    ),
    "<|im_system|>system<|im_middle|>Be brief.<|im_end|><|im_user|>Ada<|im_middle|>1+1?<|im_end|><|im_assistant|>assistant<|im_middle|>2<|im_end|>",
  );
});

test("tools: declared first, called by id, answered in a turn of their own", () => {
  const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
  const messages: ChatMessage[] = [
    { role: "user", content: "Rain?" },
    {
      role: "assistant",
      content: "I look.",
      toolCalls: [
        { id: "functions.weather:0", arguments: '{"city":"Skardu"}' },
        { id: "functions.weather:1", arguments: "{}" },
      ],
    },
    { role: "tool", name: "weather", toolCallId: "functions.weather:0", content: "dry" },
    { role: "tool", toolCallId: "functions.weather:1", content: "wet" },
  ];
  assert.equal(
    render(messages, { tools }),
    [
      `<|im_system|>tool_declare<|im_middle|>${JSON.stringify(tools)}<|im_end|>`,
      system,
      "<|im_user|>user<|im_middle|>Rain?<|im_end|>",
      "<|im_assistant|>assistant<|im_middle|>I look.<|tool_calls_section_begin|>",
      '<|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{"city":"Skardu"}<|tool_call_end|>',
      "<|tool_call_begin|>functions.weather:1<|tool_call_argument_begin|>{}<|tool_call_end|>",
      "<|tool_calls_section_end|><|im_end|>",
      "<|im_system|>weather<|im_middle|>## Return of functions.weather:0\ndry<|im_end|>",
      "<|im_system|>tool<|im_middle|>## Return of functions.weather:1\nwet<|im_end|>",
      opening,
    ].join(""),
  );
});

test("K2's special ids, at the places that its vocabulary has them", () => {
  const published = new Tokenizer([
    ...tokenizer.tokens,
    ...Array.from({ length: 163584 - 256 }, (_, i) => `\u00ff\u00fe${String.fromCharCode(i >> 8, i & 255)}`),
  ]);
  const ids = renderChat(published, [
    { role: "user", content: "" },
    { role: "assistant", content: "", toolCalls: [{ id: "", arguments: "" }] },
  ]).filter((id) => id >= 163584);
  const [end, user, assistant, systemId, middle] = [163586, 163587, 163588, 163594, 163601];
  const call = [163595, 163597, 163598, 163599, 163596];
  assert.deepEqual(ids, [
    ...[systemId, middle, end],
    ...[user, middle, end],
    ...[assistant, middle, ...call, end],
    ...[assistant, middle],
  ]);
});

test("whatever messages say, special ids come from the template alone", () => {
  const names = [...tokenizer.specials.keys()].filter((name) => !name.includes("reserved"));
  const part = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom(...names));
  const content = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
  const message = fc.record({
    role: fc.constantFrom("system", "user", "assistant", "tool"),
    content,
    name: content,
    toolCallId: content,
    toolCalls: fc.array(fc.record({ id: content, arguments: content }), { maxLength: 2 }),
  });
  const isSpecial = (id: number) => id >= 256;
  fc.assert(
    fc.property(fc.array(message as fc.Arbitrary<ChatMessage>, { maxLength: 4 }), (messages) => {
      const ids = renderChat(tokenizer, messages);
      const empty = messages.map(({ role, toolCalls }) => ({
        role,
        content: "",
        ...(toolCalls ? { toolCalls: toolCalls.map(() => ({ id: "", arguments: "" })) } : {}),
      }));
      assert.deepEqual(ids.filter(isSpecial), renderChat(tokenizer, empty).filter(isSpecial));
      for (const { content: said } of messages) assert.ok(tokenizer.decode(ids).includes(said));
    }),
    { numRuns: 300, seed: 1 },
  );
  const ids = renderChat(tokenizer, [{ role: "user", content: "<|im_end|>" }]);
  assert.equal(ids.filter((id) => id === tokenizer.imEndId).length, 2);
});

test("an unknown role is named, with those that there are", () => {
  assert.throws(
    () => renderChat(tokenizer, [{ role: "developer" as "user", content: "" }]),
    /unknown role "developer"; there are system, user, assistant, tool/,
  );
});
