"""The peer's model: the GPT-2 of trainer/model/gpt.ts in plain PyTorch, written to be fast in eager mode."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Cache:
    """Keys and values of every layer, [layers, 2, B, H, capacity, S], allocated once and filled from the left."""

    def __init__(self, shape, rows, capacity):
        size = shape["width"] // shape["heads"]
        self.cells = torch.empty(shape["layers"], 2, rows, shape["heads"], capacity, size)
        self.length = 0


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.c_attn = nn.Linear(width, 3 * width)
        self.attn_proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.c_fc = nn.Linear(width, 4 * width)
        self.mlp_proj = nn.Linear(4 * width, width)

    def attend(self, x, mask, past, start):
        """mask: [T, M], 0 where a cell may look and -inf elsewhere; past: [2, B, H, capacity, S] or None"""
        B, T, D = x.shape
        size = D // self.heads
        q, k, v = self.c_attn(x).view(B, T, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        if past is not None:
            past[0, :, :, start : start + T] = k
            past[1, :, :, start : start + T] = v
            k, v = past[0, :, :, : start + T], past[1, :, :, : start + T]
        M = k.shape[2]
        q = q.reshape(B * self.heads, T, size)
        k = k.reshape(B * self.heads, M, size).transpose(1, 2)
        v = v.reshape(B * self.heads, M, size)
        # One pass for scale, mask and product, where q @ k, a multiplication and a masked fill would be three.
        scores = torch.baddbmm(mask.expand(B * self.heads, T, M), q, k, alpha=1 / math.sqrt(size))
        y = torch.bmm(torch.softmax(scores, dim=-1), v)
        return self.attn_proj(y.view(B, self.heads, T, size).transpose(1, 2).reshape(B, T, D))

    def forward(self, x, mask, past=None, start=0):
        x = x + self.attend(self.ln_1(x), mask, past, start)
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    """shape: {vocabulary, width, layers, heads, context}; `scalar` gives one number a cell in place of logits."""

    def __init__(self, shape, scalar=False):
        super().__init__()
        self.shape = shape
        width = shape["width"]
        self.wte = nn.Embedding(shape["vocabulary"], width)
        self.wpe = nn.Embedding(shape["context"], width)
        self.blocks = nn.ModuleList(Block(width, shape["heads"]) for _ in range(shape["layers"]))
        self.ln_f = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1, bias=False) if scalar else None
        residual = 0.02 / math.sqrt(2 * shape["layers"])
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=residual if "_proj" in name else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        causal = torch.full((shape["context"], shape["context"]), float("-inf")).triu(1)
        self.register_buffer("causal", causal, persistent=False)
        self.register_buffer("positions", torch.arange(shape["context"]), persistent=False)

    def hidden(self, tokens, cache=None):
        start = cache.length if cache else 0
        end = start + tokens.shape[1]
        x = self.wte(tokens) + self.wpe(self.positions[start:end])
        mask = self.causal[start:end, :end]
        for index, block in enumerate(self.blocks):
            x = block(x, mask, cache.cells[index] if cache else None, start)
        if cache:
            cache.length = end
        return self.ln_f(x)

    def logits(self, hidden):
        return F.linear(hidden, self.wte.weight)

    def values(self, tokens):
        return self.score(self.hidden(tokens)).squeeze(-1)


def adamw(parameters, rate):
    return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, foreach=True)


def optimizer_step(loss, parameters, optimizer):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()


@torch.no_grad()
def generate(model, prompts, new_tokens):
    """Samples at temperature 1 over a key-value cache; prompts int64 [B, P], returns int64 [B, new] and their log-probabilities."""
    rows, columns = prompts.shape
    cache = Cache(model.shape, rows, columns + new_tokens)
    tokens = torch.empty(rows, new_tokens, dtype=torch.long)
    log_probs = torch.empty(rows, new_tokens)
    following = prompts
    for step in range(new_tokens):
        logits = model.logits(model.hidden(following, cache)[:, -1])
        drawn = torch.log_softmax(logits, dim=-1)
        following = torch.multinomial(drawn.exp(), 1)
        tokens[:, step] = following[:, 0]
        log_probs[:, step] = drawn.gather(1, following)[:, 0]
    return tokens, log_probs
