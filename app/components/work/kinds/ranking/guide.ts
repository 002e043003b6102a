/** For the labeler; Markdown. */
export const GUIDE = `# Ranking completions

You compare answers that models gave to one prompt. You are never told which model wrote which.

1. Read each completion by itself: rate it from 1 to 7, and flag what is wrong with it.
2. Then put them in an order, best first. Two that are equally good are a tie, and a tie is an answer too.
3. Look at the order once more before you confirm it: it is stored exactly so.

Nothing is ranked until you rank it.
`;
