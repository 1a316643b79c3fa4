"""Activations compared in an agent that plays one game after another, twice over: which of them still learns?

Run it with `python compare_agents.py [SEEDS]`; it needs `pip install "rectifiers[lab,rl]"`. A run takes half a minute.

The agent is a deep Q-network (Mnih et al., 2015) with a target network and no other additions. It plays CartPole, then
Acrobot, then CartPole with observations and actions in reverse order, and then all three again; nothing tells it when
the game changes, and it keeps its weights. Abbas et al. (2023) cycle through games of Atari in this way. Returns are
scaled so that 0 is the worst and 1 as good as it gets. The score of a visit is the mean return of the episodes that end
in its last third; what is compared is the mean over the visits of the last cycle.
"""

import copy
import random
import sys
from collections import deque

import gymnasium
import numpy as np
import scipy.stats
import torch
from torch import nn

import rectifiers

INPUTS, ACTIONS = 6, 3
"""Those of the widest game; narrower ones leave the rest at zero."""

GAMES = (("CartPole-v1", False, 0.0, 500.0), ("Acrobot-v1", False, -500.0, -80.0), ("CartPole-v1", True, 0.0, 500.0))
"""Name, whether inputs and actions are reversed, and the returns that count as 0 and as 1."""


def make_model():
    return nn.Sequential(nn.Linear(INPUTS, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, ACTIONS))


class Memory:
    """The last transitions, from which batches are drawn."""

    def __init__(self, size):
        self.states, self.following = torch.zeros(2, size, INPUTS)
        self.actions = torch.zeros(size, dtype=torch.long)
        self.rewards, self.goes_on = torch.zeros(2, size)
        self.size, self.count = size, 0

    def add(self, state, action, reward, following, goes_on):
        at = self.count % self.size
        self.states[at], self.following[at] = state, following
        self.actions[at], self.rewards[at], self.goes_on[at] = action, reward, goes_on
        self.count += 1

    def draw(self, number):
        rows = torch.randint(min(self.count, self.size), (number,))
        return tuple(of[rows] for of in (self.states, self.actions, self.rewards, self.following, self.goes_on))


class Game:
    """A game, seen through as many numbers as the widest has."""

    def __init__(self, name, reverse, worst, best, seed):
        self.env = gymnasium.make(name)
        self.actions, self.reverse, self.worst, self.best = self.env.action_space.n, reverse, worst, best
        self.seed, self.returned = seed, 0.0

    def start(self):
        observed, _ = self.env.reset(seed=self.seed)
        self.seed, self.returned = None, 0.0  # later episodes go on from the first one's seed
        return self.see(observed)

    def see(self, observed):
        padded = np.zeros(INPUTS, dtype=np.float32)
        padded[: len(observed)] = observed
        return torch.from_numpy(padded[::-1].copy() if self.reverse else padded)

    def step(self, action):
        """What is seen then, the reward, whether it goes on; and the scaled return, if the episode is over."""
        observed, reward, ended, cut, _ = self.env.step(self.actions - 1 - action if self.reverse else action)
        self.returned += float(reward)
        over = (self.returned - self.worst) / (self.best - self.worst) if ended or cut else None
        return self.see(observed), float(reward), not ended, over


def play(model, seed, report, steps=6_000, cycles=2, lr=1e-3, discount=0.99, batch=64, warm=500):
    """Train the model, which gives the value of each action, on all games in turn.

    `steps` are those of one visit to a game.
    """
    target = copy.deepcopy(model)
    optimizer = torch.optim.Adam(rectifiers.param_groups(model, lr=lr))
    memory = Memory(10_000)
    for _ in range(cycles):
        scores = []
        for game in (Game(*facts, seed) for facts in GAMES):
            state, ended = game.start(), deque()
            for step in range(steps):
                exploring = max(0.05, 1 - step / (steps / 5))
                if random.random() < exploring:
                    action = random.randrange(game.actions)
                else:
                    with torch.no_grad():
                        action = int(model(state[None])[0, : game.actions].argmax())
                following, reward, goes_on, over = game.step(action)
                memory.add(state, action, reward, following, goes_on)
                if over is not None:
                    ended.append((step, over))
                    following = game.start()
                state = following
                if memory.count > warm:
                    learn(model, target, optimizer, memory.draw(batch), discount)
                if step % 250 == 0:
                    target.load_state_dict(model.state_dict())
            late = [over for step, over in ended if step >= steps * 2 / 3]
            scores.append(sum(late) / len(late) if late else 0.0)
        report(score=sum(scores) / len(scores), **{f"game_{i}": score for i, score in enumerate(scores)})


def learn(model, target, optimizer, transitions, discount):
    states, actions, rewards, following, goes_on = transitions
    with torch.no_grad():
        aim = rewards + discount * goes_on * target(following).amax(1)
    optimizer.zero_grad()
    expected = model(states).gather(1, actions[:, None])[:, 0]
    nn.functional.smooth_l1_loss(expected, aim).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10)
    optimizer.step()


def trimmed(scores):
    """The interquartile mean: that of the middle half (Agarwal et al., 2021)."""
    return float(scipy.stats.trim_mean(scores, 0.25))


def improvement(scores, others):
    """How often one run is better than one of the others, in percent; equal ones count half."""
    won = np.sign(np.subtract.outer(scores, others))
    return 50 * (1 + float(won.mean()))


def interval(statistic, *scores):
    """Its 95 % interval, over 2,000 draws of runs with replacement."""
    drawn = np.random.default_rng(0)
    values = [statistic(*(drawn.choice(one, len(one)) for one in scores)) for _ in range(2_000)]
    return np.percentile(values, (2.5, 97.5))


def compare(seeds, **options):
    return rectifiers.compare(
        make_model,
        train=play,
        metric="score",
        activations=["crelu", "prelu", "arelu", "pvlu", "tanh"],
        seeds=seeds,
        costs=False,
        **options,
    )


def summarise(comparison):
    """By row: the scores, their interquartile mean, and how often a run is better than one of the first row.

    The last two have their intervals.
    """
    scores = {label: [] for label in comparison.labels}
    for cell, result in comparison.outcomes:
        scores[cell.row].append(result.value("final_epoch"))
    first = scores[comparison.labels[0]]
    return {
        label: {
            "scores": ours,
            "middle": [trimmed(ours), *interval(trimmed, ours)],
            "better": [improvement(ours, first), *interval(improvement, ours, first)],
        }
        for label, ours in scores.items()
    }


if __name__ == "__main__":
    comparison = compare(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
    print(comparison)
    print("\ninterquartile mean, and how often a run is better than one of the first row, with 95 % intervals")
    for label, row in summarise(comparison).items():
        middle, better = row["middle"], row["better"]
        print(
            f"{label:24} {middle[0]:5.2f} [{middle[1]:.2f}, {middle[2]:.2f}] "
            f"{better[0]:5.0f} % [{better[1]:.0f}, {better[2]:.0f}]"
        )
