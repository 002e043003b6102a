import { z } from 'zod';

/** What a checkpoint's model is: logits over the vocabulary, or one number a cell. */
export type ModelForm = 'language-model' | 'sequence-classification';

/** Special tokens that a `config.json` names. */
export interface TokenRoles {
  endOfText: number;
  padding: number;
}

export const count = z.int().positive();

const tokens = z.union([z.int(), z.array(z.int())]).nullish();

/** Keys of every family's `config.json` that only describe the file, its tokens or its training. */
export const describingKeys = {
  num_labels: z.literal(1).optional(),
  id2label: z.record(z.string(), z.string()).optional(),
  label2id: z.record(z.string(), z.int()).optional(),
  problem_type: z.string().nullish(),
  architectures: z.array(z.string()).nullish(),
  bos_token_id: tokens,
  eos_token_id: tokens,
  pad_token_id: tokens,
  initializer_range: z.number().optional(),
  use_cache: z.boolean().optional(),
  task_specific_params: z.unknown().optional(),
  torch_dtype: z.string().nullish(),
  dtype: z.string().nullish(),
  transformers_version: z.string().nullish(),
  _name_or_path: z.string().optional(),
};

/** What every family's `config.json` says of tokens, labels and the type of the weights. */
export function commonFields(form: ModelForm, { endOfText, padding }: TokenRoles) {
  return {
    bos_token_id: endOfText,
    eos_token_id: endOfText,
    pad_token_id: padding,
    torch_dtype: 'float32',
    // num_labels is derived from id2label by transformers; written as well for those who read the file.
    ...(form === 'sequence-classification'
      ? { num_labels: 1 as const, id2label: { '0': 'reward' }, label2id: { reward: 0 } }
      : {}),
  };
}
