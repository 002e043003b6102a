"""Makes trajectories.json: the losses of the first optimizer steps of each stage, in PyTorch, float64.

An implementation of its own, from the formulas: a tiny GPT-2, AdamW, and each stage's loss written out. Weights and data
are functions of their indices, so that nothing but this file is needed to make them again:

    python3 make_trajectories.py > trajectories.json
"""

import json
import math

import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

V, CONTEXT, D, LAYERS, HEADS, INNER = 23, 16, 16, 2, 2, 64
STEPS, RATE, DECAY, CLIP = 6, 3e-3, 0.1, 1.0


def noise(tensor, index):
    """A number in [-1, 1) that looks random, and is the same everywhere: the digits of a sine far behind the point."""
    digits = 10_000 * math.sin(index + 1 + 0.618034 * (tensor + 1))
    return 2 * (digits - math.floor(digits)) - 1


def token(row, column):
    return 2 + (7 * row * row + 5 * column * column + 3 * row * column) % (V - 2)


def shapes(scalar):
    yield "wte.weight", (V, D)
    yield "wpe.weight", (CONTEXT, D)
    for layer in range(LAYERS):
        h = f"h.{layer}."
        yield from [(h + "ln_1.weight", (D,)), (h + "ln_1.bias", (D,))]
        yield from [(h + "attn.c_attn.weight", (D, 3 * D)), (h + "attn.c_attn.bias", (3 * D,))]
        yield from [(h + "attn.c_proj.weight", (D, D)), (h + "attn.c_proj.bias", (D,))]
        yield from [(h + "ln_2.weight", (D,)), (h + "ln_2.bias", (D,))]
        yield from [(h + "mlp.c_fc.weight", (D, INNER)), (h + "mlp.c_fc.bias", (INNER,))]
        yield from [(h + "mlp.c_proj.weight", (INNER, D)), (h + "mlp.c_proj.bias", (D,))]
    yield from [("ln_f.weight", (D,)), ("ln_f.bias", (D,))]
    if scalar:
        yield "score.weight", (1, D)


def weights(first, scalar=False):
    """`first` is the number of the first tensor: another one, another model."""
    made = {}
    for number, (name, shape) in enumerate(shapes(scalar)):
        values = [0.2 * noise(first + number, i) for i in range(math.prod(shape))]
        gain = name.endswith("weight") and ".ln_" in "." + name
        made[name] = (torch.tensor(values).reshape(shape) + (1.0 if gain else 0.0)).requires_grad_()
    return made


def hidden(p, tokens):
    """One sequence on its own, [T] to [T, D]: no padding, so nothing to mask but the future."""
    length = len(tokens)
    x = p["wte.weight"][tokens] + p["wpe.weight"][:length]
    future = torch.full((length, length), -math.inf).triu(1)

    def norm(x, name):
        return F.layer_norm(x, (D,), p[name + ".weight"], p[name + ".bias"], 1e-5)

    for layer in range(LAYERS):
        h = f"h.{layer}."
        qkv = norm(x, h + "ln_1") @ p[h + "attn.c_attn.weight"] + p[h + "attn.c_attn.bias"]
        q, k, v = (part.reshape(length, HEADS, D // HEADS).transpose(0, 1) for part in qkv.split(D, dim=1))
        mixed = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(D // HEADS) + future, dim=-1) @ v
        x = x + mixed.transpose(0, 1).reshape(length, D) @ p[h + "attn.c_proj.weight"] + p[h + "attn.c_proj.bias"]
        inner = norm(x, h + "ln_2") @ p[h + "mlp.c_fc.weight"] + p[h + "mlp.c_fc.bias"]
        gelu = 0.5 * inner * (1 + torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
        x = x + gelu @ p[h + "mlp.c_proj.weight"] + p[h + "mlp.c_proj.bias"]
    return norm(x, "ln_f")


def log_probs(p, tokens, temperature=1.0):
    """log p of tokens[1:], each given those before it."""
    logits = hidden(p, tokens[:-1]) @ p["wte.weight"].T / temperature
    return torch.log_softmax(logits, dim=-1)[torch.arange(len(tokens) - 1), torch.tensor(tokens[1:])]


def score(p, tokens):
    return hidden(p, tokens)[-1] @ p["score.weight"][0]


def learner(p):
    decayed = [w for name, w in p.items() if w.dim() == 2 and name != "wpe.weight"]
    others = [w for name, w in p.items() if not (w.dim() == 2 and name != "wpe.weight")]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8)


def step(p, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(list(p.values()), CLIP)
    optimizer.step()
    return {"loss": loss.item(), "gradientNorm": norm.item()}


def sequence(row, length):
    return [token(row, column) for column in range(length)]


def pretrain():
    """Whole rows: every cell predicts its right neighbour."""
    p = weights(0)
    optimizer = learner(p)
    rows = [sequence(row, 13) for row in range(3)]
    count = sum(len(row) - 1 for row in rows)
    return [step(p, optimizer, -sum(log_probs(p, row).sum() for row in rows) / count) for _ in range(STEPS)]


def sft():
    """Prompts of 4, 2 and 5 tokens that are read but not learned; responses of unequal length."""
    p = weights(0)
    optimizer = learner(p)
    examples = [(4, sequence(0, 9)), (2, sequence(1, 12)), (5, sequence(2, 7))]
    count = sum(len(tokens) - prompt for prompt, tokens in examples)

    def loss():
        return -sum(log_probs(p, tokens)[prompt - 1 :].sum() for prompt, tokens in examples) / count

    return [step(p, optimizer, loss()) for _ in range(STEPS)]


def reward():
    """InstructGPT, equation 1: rankings weigh alike whatever their number of pairs; a tie is no pair."""
    p = weights(0, scalar=True)
    optimizer = learner(p)
    rankings = [
        ([1, 3, 2, 3], [sequence(0, 6), sequence(1, 4), sequence(2, 9), sequence(3, 7)]),
        ([2, 1], [sequence(4, 5), sequence(5, 8)]),
        ([1, 1, 2], [sequence(6, 7), sequence(7, 7), sequence(8, 3)]),
    ]

    def loss():
        total = 0.0
        for ranks, texts in rankings:
            scores = [score(p, text) for text in texts]
            pairs = [(i, j) for i in range(len(ranks)) for j in range(len(ranks)) if ranks[i] < ranks[j]]
            total = total - sum(F.logsigmoid(scores[i] - scores[j]) for i, j in pairs) / len(pairs)
        return total / len(rankings)

    return [step(p, optimizer, loss()) for _ in range(STEPS)]


PAIRS = [(3, sequence(0, 8), sequence(0, 3) + sequence(3, 6)), (2, sequence(1, 9), sequence(1, 2) + sequence(4, 3))]


def dpo():
    """Rafailov et al. 2023, equation 7, β = 0.1; the reference is another model, so that it matters."""
    p, reference = weights(0), weights(100)
    optimizer = learner(p)
    beta = 0.1

    def response(q, prompt, tokens):
        return log_probs(q, tokens)[prompt - 1 :].sum()

    def loss():
        total = 0.0
        for prompt, chosen, rejected in PAIRS:
            gain = response(p, prompt, chosen) - response(reference, prompt, chosen).detach()
            drop = response(p, prompt, rejected) - response(reference, prompt, rejected).detach()
            total = total - F.logsigmoid(beta * (gain - drop))
        return total / len(PAIRS)

    return [step(p, optimizer, loss()) for _ in range(STEPS)]


def ppo():
    """One rollout and STEPS passes over it as one minibatch, temperature 0.7, β = 0.05, γ = 1, λ = 0.95."""
    policy, reference, value = weights(0), weights(100), weights(200, scalar=True)
    policy_optimizer, value_optimizer = learner(policy), learner(value)
    temperature, beta, lam, clip = 0.7, 0.05, 0.95, 0.2
    episodes = [(3, sequence(0, 8), 0.7), (2, sequence(1, 11), -1.0), (4, sequence(2, 6), 1.3)]

    def responses(q):
        return [log_probs(q, tokens, temperature)[prompt - 1 :] for prompt, tokens, _ in episodes]

    def values():
        return [(hidden(value, tokens[:-1]) @ value["score.weight"][0])[prompt - 1 :] for prompt, tokens, _ in episodes]

    old = [part.detach() for part in responses(policy)]
    referenced = [part.detach() for part in responses(reference)]
    old_values = [part.detach() for part in values()]
    advantages, returns = [], []
    for (_, _, final), mine, theirs, v in zip(episodes, old, referenced, old_values):
        rewards = -beta * (mine - theirs)
        rewards[-1] += final
        length, running = len(rewards), 0.0
        advantage = torch.zeros(length)
        for t in reversed(range(length)):
            following = v[t + 1] if t + 1 < length else 0.0
            running = rewards[t] + following - v[t] + lam * running
            advantage[t] = running
        advantages.append(advantage)
        returns.append(advantage + v)
    flat = torch.cat(advantages)
    whitened = (flat - flat.mean()) / torch.sqrt(flat.var(unbiased=False) + 1e-8)
    old, old_values, returns = torch.cat(old), torch.cat(old_values), torch.cat(returns)

    steps = []
    for _ in range(STEPS):
        log_ratio = torch.cat(responses(policy)) - old
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - clip, 1 + clip)
        policy_loss = torch.maximum(-whitened * ratio, -whitened * clipped).mean()
        facts = {
            "approxKl": ((ratio - 1) - log_ratio).mean().item(),
            "clipFraction": ((ratio - 1).abs() > clip).double().mean().item(),
        }
        now = torch.cat(values())
        near = old_values + (now - old_values).clamp(-clip, clip)
        value_loss = 0.1 * 0.5 * torch.maximum((now - returns) ** 2, (near - returns) ** 2).mean()
        mine = step(policy, policy_optimizer, policy_loss)
        theirs = step(value, value_optimizer, value_loss)
        steps.append({"policyLoss": mine["loss"], "valueLoss": theirs["loss"], **facts})
    return steps


stages = {"pretrain": pretrain, "sft": sft, "reward": reward, "dpo": dpo, "ppo": ppo}
print(json.dumps({"pytorch": torch.__version__, "stages": {name: run() for name, run in stages.items()}}, indent=2))
