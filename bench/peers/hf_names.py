"""Names of DeepSeek-V3 checkpoints, for the peers that write some."""

def per_expert(state):
    """Checkpoint names: one matrix per expert, as published checkpoints have them."""
    result = {}
    for key, value in state.items():
        if key.endswith("experts.gate_up_proj"):
            for e in range(value.shape[0]):
                gate, up = value[e].chunk(2, 0)
                stem = key[: -len("gate_up_proj")] + str(e)
                result[stem + ".gate_proj.weight"], result[stem + ".up_proj.weight"] = gate, up
        elif key.endswith("experts.down_proj"):
            for e in range(value.shape[0]): result[key[: -len("down_proj")] + f"{e}.down_proj.weight"] = value[e]
        else: result[key] = value
    return {k: v.detach().clone().contiguous() for k, v in result.items()}
