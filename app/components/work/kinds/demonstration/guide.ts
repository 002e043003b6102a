/** For the labeler; Markdown. */
export const GUIDE = `# Writing a demonstration

You write the answer that the model should give. What you write is shown to the model as an example, word for word.

1. Read the prompt twice, and the project's guidelines once.
2. Answer what was asked, then stop. One good paragraph is better than three fair ones.
3. Read your answer as the person who asked would, with **Ctrl E** (⌘ E on a Mac): that is how the model will see it.
4. Answer the three closing questions. Is it helpful, is everything in it so, could it hurt nobody? If you cannot say yes to one of them, change the text until you can, or skip the task and say why.

If a prompt asks for something that would hurt somebody, do not do it: say so kindly, in the answer, and offer what you can do instead. If you do not know and cannot find out, skip the task. A made-up fact does more harm than a missing answer.

What you type is saved as you go. You can close the page and come back.

## When you write the prompt too

Some tasks give no prompt, only what to write about. The prompt should be one that somebody would really send. There are three forms.

- **Plain.** Any instruction or question: “Rewrite this note so that it sounds less cross: …”. Make them as different from each other as you can: long and short, easy and hard, about all sorts of things.
- **With examples.** An instruction, then two or more examples of what goes in and what should come out, then one more input. Your answer is the output for that last input. The examples must all follow the same rule, and the last input must fit it.
- **For a use.** The task names a kind of person and what they want to do. Ask as they would, with the details that they would give.

## When it says that you wrote nearly the same before

That is a warning, no refusal. Look at the comparison. If two prompts call for the same answer, send it. If you reached for a phrase that you often use, find another: a model that reads the same sentence a hundred times learns to say it everywhere.

## Keys

**E** goes to the answer, **P** to the prompt, **Escape** leaves the text. Then **1**, **2** and **3** answer the closing questions, **S** skips, and **?** shows all the others. **Ctrl Enter** sends, also while you type.
`;
