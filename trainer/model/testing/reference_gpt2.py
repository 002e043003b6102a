"""An independent GPT-2 forward pass in plain PyTorch, from a checkpoint folder read by hand.

usage: reference_gpt2.py FOLDER < '{"tokens": [[...], ...]}'
Prints {"logits": [[[...]]]} for a language model, {"values": [[...]]} for a sequence classifier.
It shares no code with the trainer, and uses neither transformers nor the safetensors package.
"""

import json
import math
import os
import struct
import sys

import torch


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", entry
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin)
        tensors[name] = flat.reshape(entry["shape"]).double()
    return tensors


def layer_norm(x, weights, name, epsilon):
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + epsilon) * weights[name + ".weight"] + weights[name + ".bias"]


def affine(x, weights, name):
    return x @ weights[name + ".weight"] + weights[name + ".bias"]


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def hidden_states(weights, config, tokens):
    count = len(tokens)
    x = weights["wte.weight"][tokens] + weights["wpe.weight"][:count]
    heads, epsilon = config["n_head"], config["layer_norm_epsilon"]
    size = config["n_embd"] // heads
    for layer in range(config["n_layer"]):
        block = "h.%d." % layer
        q, k, v = affine(layer_norm(x, weights, block + "ln_1", epsilon), weights, block + "attn.c_attn").chunk(3, -1)
        outputs = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = q[:, part] @ k[:, part].T / math.sqrt(size)
            for i in range(count):
                scores[i, i + 1 :] = -math.inf
            outputs.append(torch.softmax(scores, -1) @ v[:, part])
        x = x + affine(torch.cat(outputs, -1), weights, block + "attn.c_proj")
        inner = gelu(affine(layer_norm(x, weights, block + "ln_2", epsilon), weights, block + "mlp.c_fc"))
        x = x + affine(inner, weights, block + "mlp.c_proj")
    return layer_norm(x, weights, "ln_f", epsilon)


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    tensors = read_safetensors(os.path.join(folder, "model.safetensors"))
    weights = {name[len("transformer.") :]: value for name, value in tensors.items() if name.startswith("transformer.")}
    results = []
    for tokens in json.load(sys.stdin)["tokens"]:
        hidden = hidden_states(weights, config, torch.tensor(tokens))
        if config["architectures"] == ["GPT2ForSequenceClassification"]:
            results.append((hidden @ tensors["score.weight"].T)[:, 0].tolist())
        else:
            results.append((hidden @ weights["wte.weight"].T).tolist())
    key = "values" if "score.weight" in tensors else "logits"
    json.dump({key: results}, sys.stdout)


main()
