/** For the labeler; Markdown. */
export const GUIDE = `# Writing a demonstration

You write the answer that the model should give. What you write is shown to the model as an example, word for word.

1. Read the prompt twice, and the project's guidelines once.
2. Answer what was asked, then stop. One good paragraph is better than three fair ones.
3. Read your answer as the person who asked would. Is it helpful, is everything in it so, could it hurt nobody?

What you type is saved as you go. You can close the page and come back.
`;
