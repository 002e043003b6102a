/** For the labeler; Markdown. */
export const GUIDE = `# Reviewing labels

You judge labels that others gave to one task. You are not told who gave them.

1. Do the task in your head first, then look at what they did.
2. Accept a label that the guidelines allow, even where you would have chosen otherwise. Reject one that they do not, and say why.
3. Where the labels differ and it matters, give the answer yourself.
`;
