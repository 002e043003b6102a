"""What the peer measures; each task keeps its models between calls and returns the seconds of every repeat."""

import time

import torch
from torch.nn import functional as F

from gpt import Gpt, adamw, generate, optimizer_step


def timed(repeats, run):
    """Seconds of wall time of each call, after one that is not counted."""
    run()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return seconds


def train_step(shape, rows, columns):
    """Forward, backward, gradient clip and AdamW on one batch of random tokens."""
    model = Gpt(shape)
    parameters = list(model.parameters())
    optimizer = adamw(parameters, 1e-3)
    tokens = torch.randint(shape["vocabulary"], (rows, columns))
    targets = torch.randint(shape["vocabulary"], (rows * columns,))

    def step():
        logits = model.logits(model.hidden(tokens)).view(-1, shape["vocabulary"])
        optimizer_step(F.cross_entropy(logits, targets), parameters, optimizer)

    return step


def generation(shape, rows, prompt, new_tokens):
    model = Gpt(shape)
    prompts = torch.randint(shape["vocabulary"], (rows, prompt))
    return lambda: generate(model, prompts, new_tokens)


def ppo_iteration(shape, episodes, prompt, new_tokens, epochs, minibatches):
    """stages/ppo.ts's iteration: rollout, four models' scores, GAE, epochs of clipped policy and value updates."""
    beta, gamma, lam, clip = 0.02, 1.0, 0.95, 0.2
    policy, reference, reward, value = Gpt(shape), Gpt(shape), Gpt(shape, True), Gpt(shape, True)
    reference.load_state_dict(policy.state_dict())
    value.load_state_dict(reward.state_dict())
    # As in trainer/stages: the value and reward model have no head over the vocabulary to train.
    policy_parameters, value_parameters = list(policy.parameters()), list(value.parameters())
    policy_optimizer, value_optimizer = adamw(policy_parameters, 3e-5), adamw(value_parameters, 1e-4)
    prompts = torch.randint(shape["vocabulary"], (episodes, prompt))
    size = episodes // minibatches

    def log_probs_of(model, sequences, entropy=False):
        logits = model.logits(model.hidden(sequences[:, :-1])[:, prompt - 1 :])
        every = torch.log_softmax(logits, dim=-1)
        chosen = every.gather(2, sequences[:, prompt:, None]).squeeze(-1)
        return (chosen, -(every.exp() * every).sum(-1)) if entropy else chosen

    def values_of(model, sequences):
        return model.values(sequences[:, :-1])[:, prompt - 1 :]

    def iterate():
        with torch.no_grad():
            responses, _ = generate(policy, prompts, new_tokens)
            sequences = torch.cat((prompts, responses), 1)
            scores, old, referenced, values = [], [], [], []
            for part in sequences.split(size):
                scores.append(reward.values(part)[:, -1])
                old.append(log_probs_of(policy, part, entropy=True)[0])
                referenced.append(log_probs_of(reference, part, entropy=True)[0])
                values.append(values_of(value, part))
            scores, old, referenced, values = (torch.cat(x) for x in (scores, old, referenced, values))
            rewards = -beta * (old - referenced)
            rewards[:, -1] += scores
            advantages = torch.empty_like(rewards)
            running, following = torch.zeros(episodes), torch.zeros(episodes)
            for t in reversed(range(new_tokens)):
                running = rewards[:, t] + gamma * following - values[:, t] + gamma * lam * running
                advantages[:, t], following = running, values[:, t]
            returns = advantages + values
        for _ in range(epochs):
            for rows in torch.randperm(episodes).split(size):
                part = sequences[rows]
                advantage = advantages[rows]
                advantage = (advantage - advantage.mean()) / (advantage.std(unbiased=False) + 1e-8)
                ratio = torch.exp(log_probs_of(policy, part) - old[rows])
                loss = torch.maximum(-advantage * ratio, -advantage * ratio.clamp(1 - clip, 1 + clip)).mean()
                optimizer_step(loss, policy_parameters, policy_optimizer)
                new = values_of(value, part)
                near = values[rows] + (new - values[rows]).clamp(-clip, clip)
                loss = torch.maximum((new - returns[rows]) ** 2, (near - returns[rows]) ** 2).mean() / 2
                optimizer_step(0.1 * loss, value_parameters, value_optimizer)

    return iterate


def matmul(shapes):
    """One product of each shape [m, k, n], transposed as the backward pass has them."""
    pairs = []
    for m, k, n, left, right in shapes:
        a = torch.randn(k, m).t() if left else torch.randn(m, k)
        b = torch.randn(n, k).t() if right else torch.randn(k, n)
        pairs.append((a, b, torch.empty(m, n)))

    def multiply():
        for a, b, out in pairs:
            torch.mm(a, b, out=out)

    return multiply


makers = {
    "train-step": train_step,
    "generate": generation,
    "ppo-iteration": ppo_iteration,
    "matmul": matmul,
}
