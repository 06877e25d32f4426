"""ACDC as it is written down (Conmy et al. 2023, algorithm 1), in PyTorch for models of GPT-2's kind: for each edge one forward pass in
which every reader has a stream of its own.

    discovery_reference.py MODEL PAIRS THRESHOLD...

A pass computes all heads' queries, keys and values together, the MLPs, and the logits at the last position, for all pairs at once; what the
sources give on the corrupted prompts is computed once. Prints a JSON array with an object for each threshold: the seconds of the whole
search, and for each edge by how much the divergence grew when it was tried, and whether it stayed.
"""

import json
import math
import sys
import time

import torch
import transformers


class Network:
    def __init__(self, folder):
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.heads, self.width = model.config.n_head, model.config.n_embd
        weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
        self.tokens, self.places = weights["transformer.wte.weight"], weights["transformer.wpe.weight"]
        self.final = weights["transformer.ln_f.weight"], weights["transformer.ln_f.bias"]
        self.epsilon = model.config.layer_norm_epsilon
        self.layers = []
        for layer in range(model.config.n_layer):
            part = {name.split(f"transformer.h.{layer}.")[1]: value for name, value in weights.items() if f"transformer.h.{layer}." in name}
            size = self.width // self.heads
            # A matrix for each reader: head by head its query, key and value.
            read = part["attn.c_attn.weight"].view(self.width, 3, self.heads, size).permute(2, 1, 0, 3).reshape(-1, self.width, size).contiguous()
            shift = part["attn.c_attn.bias"].view(3, self.heads, size).permute(1, 0, 2).reshape(-1, 1, size).contiguous()
            write = part["attn.c_proj.weight"].view(self.heads, size, self.width)
            self.layers.append((part, read, shift, write))
        count = 1
        # For each reader its name and the number of sources before it, in the order in which a run comes to them.
        self.readers, self.sources = [], ["input"]
        for layer in range(len(self.layers)):
            self.readers += [(f"a{layer}.h{head}<{kind}>", count) for head in range(self.heads) for kind in "qkv"]
            self.sources += [f"a{layer}.h{head}" for head in range(self.heads)]
            count += self.heads
            self.readers.append((f"m{layer}", count))
            self.sources.append(f"m{layer}")
            count += 1
        self.readers.append(("logits", count))

    def norm(self, stream, weight, bias):
        return torch.nn.functional.layer_norm(stream, (self.width,), weight, bias, self.epsilon)

    def run(self, tokens, mask, other):
        """What all sources give, [sources, prompts, length, width], and the logits.

        mask: for each reader a row of what edges are in the circuit; the others carry what `other` gave.
        """
        prompts, length = tokens.shape
        given = torch.empty(len(self.sources), prompts * length, self.width)
        given[0] = (self.tokens[tokens] + self.places[:length]).flatten(0, 1)
        seen, reader = 1, 0
        biases = torch.zeros(self.width)

        def streams(readers):
            rows = mask[reader : reader + readers, :seen]
            flat = given[:seen].flatten(1)
            if other is None:
                mixed = rows @ flat
            else:
                mixed = rows @ (flat - other[:seen].flatten(1)) + other[:seen].flatten(1).sum(0)
            return mixed.view(readers, prompts * length, self.width) + biases

        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        for part, read, shift, write in self.layers:
            inputs = self.norm(streams(3 * self.heads), part["ln_1.weight"], part["ln_1.bias"])
            reader += 3 * self.heads
            made = torch.baddbmm(shift, inputs, read).view(self.heads, 3, prompts, length, -1)
            query, key, value = made.unbind(1)
            scores = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])).masked_fill(future, -math.inf)
            mixed = (scores.softmax(-1) @ value).flatten(1, 2)
            torch.bmm(mixed, write, out=given[seen : seen + self.heads])
            seen += self.heads
            biases = biases + part["attn.c_proj.bias"]
            inputs = self.norm(streams(1)[0], part["ln_2.weight"], part["ln_2.bias"])
            reader += 1
            hidden = torch.nn.functional.gelu(torch.addmm(part["mlp.c_fc.bias"], inputs, part["mlp.c_fc.weight"]), approximate="tanh")
            given[seen] = hidden @ part["mlp.c_proj.weight"]
            seen += 1
            biases = biases + part["mlp.c_proj.bias"]
        last = self.norm(streams(1)[0].view(prompts, length, -1)[:, -1], *self.final)
        return given, last @ self.tokens.T


def divergence(logits, clean):
    return torch.nn.functional.kl_div(logits.log_softmax(-1), clean.log_softmax(-1), log_target=True, reduction="batchmean").item()


def discover(network, clean, corrupted, threshold):
    mask = torch.zeros(len(network.readers), len(network.sources))
    for reader, (_, count) in enumerate(network.readers):
        mask[reader, :count] = 1
    given, _ = network.run(corrupted, mask, None)
    _, logits = network.run(clean, mask, given)
    current, edges = 0.0, []
    for reader, (name, count) in reversed(list(enumerate(network.readers))):
        for source in reversed(range(count)):
            mask[reader, source] = 0
            after = divergence(network.run(clean, mask, given)[1], logits)
            stays = after - current >= threshold
            edges.append({"source": network.sources[source], "target": name, "score": after - current, "kept": stays})
            if stays:
                mask[reader, source] = 1
            else:
                current = after
    return edges


def main():
    folder, path, *thresholds = sys.argv[1:]
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(torch.get_num_threads())
    network = Network(folder)
    prompts = json.load(open(path))["prompts"]
    clean, corrupted = (torch.tensor([prompt[key] for prompt in prompts]) for key in ("clean", "corrupt"))
    results = []
    with torch.no_grad():
        for threshold in map(float, thresholds):
            started = time.perf_counter()
            edges = discover(network, clean, corrupted, threshold)
            results.append({"seconds": time.perf_counter() - started, "edges": edges})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
