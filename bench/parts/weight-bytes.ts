import { type K2Model, namedWeights } from "@baltoro/k2";
import { storageBytes } from "@baltoro/tensor";

/**
 * Bytes of weights that one token reads in decoding, as they are stored on the device: all but the embedding and the experts that it does
 * not go to. kv_b is read in its absorbed form, which has the type of activations where it is stored in e4m3.
 */
export function tokenBytes({ weights, config, device: { backend } }: K2Model): number {
  let bytes = 0;
  for (const { name, tensor } of namedWeights(weights)) {
    if (tensor === weights.embedding) continue;
    const absorbed = name.endsWith("kv_b_proj.weight") && tensor.dtype === "fp8e4m3";
    const own = storageBytes(tensor.shape, absorbed ? backend.activations : tensor.dtype, backend.bytesPerElement);
    bytes += name.includes("*") ? (own * config.numExpertsPerTok) / config.nRoutedExperts : own;
  }
  return bytes;
}
