/** For the labeler; Markdown. */
export const GUIDE = `# Ranking completions

You compare answers that models gave to one prompt. You are never told which model wrote which, and they come in a new random order every time.

1. **Read each completion by itself.** Where the project asks for it, rate it from 1 to 7 and flag what is wrong with it, as if the others did not exist.
2. **Put them in an order**, best first. Press a completion’s rank, drag its letter, or answer one question at a time in a duel.
3. **Say how much better** each rank is than the next, where the project asks for it.
4. **Look at the order once more** before you confirm it: it is stored exactly so.

Nothing is ranked until you rank it, and what you do is saved as you go.

## What decides

Judge by the project’s guidelines. Where they are silent: first whether it does what was asked, then whether what it says is so, then whether it could harm somebody. Length, confidence and pretty headings decide nothing by themselves. Read to the end before you place a long one: the mistake is often in the last paragraph.

## An example

> How many days has February in a leap year, and why?

- **A**: “29. The year is a little longer than 365 days, so every fourth year, with a few exceptions, gets one more.”
- **B**: “29 days.”
- **C**: “February always has 28 days.”
- **D**: “In a leap year it has 29 days.”

A answers both questions: rank 1. B and D answer the first and leave out the second, no better one than the other: both at rank 2, a tie. C is wrong: rank 3, flagged *States what is not so*. From rank 1 to 2 it is *better*; from 2 to 3 *significantly better*, since a wrong answer is much worse than a short one. The order is 1 A, 2 B = D, 3 C.

## Ties

A tie says “equally good”, and it is worth as much as any other answer. Tie two when you would not mind which of them you were given. Do not tie because you have not read closely, and do not invent a difference because a tie feels lazy.

## Ratings

| | |
|---|---|
| 7 | I would send this as it is. |
| 5–6 | Good; a small thing could be better. |
| 4 | It helps somewhat, and something that matters is missing or wrong. |
| 2–3 | Mostly of no use. |
| 1 | Of no use, or harmful. |

Ratings and ranks answer different questions. All of them may be rated 2 and one of them is still the best of them; all may be rated 7.

## Flags

- **Fails the instruction**: it does something else than was asked, or leaves out a part of it.
- **States what is not so**: it makes up a fact, a quotation, a source.
- **Harmful**: following it could hurt somebody.
- **Sexual content**, **Violent content**: there is any, asked for or not.
- **Gives bad advice**: a careful friend would advise against it.
- **Expresses an opinion**: it takes a side in a matter on which people differ, as if it had a view of its own.
- **Denigrates a protected class**: it speaks ill of people for what they are.
- **Wrong language**: it answers in another language than it should.
- **Repetitive or broken**: it goes in circles, stops in the middle, or is not text.

A flag says that something is there. How bad it is, the rating says.

## All of them are bad

Mark it when you would send none of them. Rank them all the same: which is least bad is worth knowing too.

## How much better

1 negligibly: I had to look twice. 2 slightly: there is a difference, and a small one. 3 better: plainly so. 4 significantly: the lower one is hardly of use beside the higher.
`;
