/** For the labeler; Markdown. */
export const GUIDE = `# Reviewing labels

You judge labels that others gave to one task. You are not told who gave them, and they are not told who judged.

1. **Do the task in your head first**, then look at what they did. The line at the top says why the labels are in review; it is a reason to look, not a verdict.
2. **Accept** a label (\`a\`) that the guidelines allow, even where you would have chosen otherwise. **Reject** one (\`x\`) that they do not, and say why in a sentence that helps its labeler: they read it in their history.
3. Where the labels differ and it matters, **give the answer yourself** (\`w\`, or \`b\` to begin from the selected label). It is stored as a label of yours, and goes into the datasets beside those that you accept.
4. Look at the order once more before you send it. You can change it later in your history, until your own answer is frozen into a dataset.

A rejected label stays out of every dataset that is frozen from then on. If its labeler mends it, it comes into review again.

You never get labels of your own to review. If you know whose work it is, skip the task.
`;
