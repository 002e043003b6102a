import { TrainerError } from '../errors.ts';
import { type AddedToken, specialToken } from './added-tokens.ts';

/** What a folder's files say about the tokens with a role. Ids are of `config.json` or `generation_config.json`. */
export interface DeclaredRoles {
  begin: string | null;
  end: string | null;
  padding: string | null;
  /** ids that end a text, the first is the main one */
  endIds: number[];
  beginId: number | null;
  paddingId: number | null;
  /** rows of the model's embedding; null where there is no model beside the tokenizer */
  rows: number | null;
}

export interface Roles {
  beginOfText: number | null;
  endOfText: number;
  padding: number;
  /** a token that was made for padding, as the folder has none */
  made: AddedToken | null;
  /** every id that ends a text, `endOfText` first */
  stops: number[];
}

/** What the roles are chosen from. */
export interface Vocabulary {
  file: string;
  added: readonly AddedToken[];
  /** of a token's name, added or of the vocabulary's */
  idOf(name: string): number | undefined;
  /** of a byte's own token */
  idOfByte(byte: number): number | undefined;
  /** above every id */
  size: number;
}

/** What ours are called. */
export const END_OF_TEXT = '<|endoftext|>';
export const PADDING = '<|padding|>';

/** Bytes that no UTF-8 text contains (RFC 3629, section 1): a token of one of them never comes out of text. */
const BYTES_OF_NO_TEXT = [0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8, 0xf7, 0xf6, 0xf5, 0xc1, 0xc0];

/**
 * Chooses the tokens that begin, end and pad. Padding is a token of its own and never ends a text, or the end would
 * never be learnt; many folders have none, or declare the end-of-text token for it. Then it is, in this order,
 *
 * 1. a special token that is named for padding, or reserved, and has no other role (Llama 3's
 *    `<|finetune_right_pad_id|>`, or the last of its `<|reserved_special_token_N|>`)
 * 2. a new token `<|padding|>`, where the embedding has a row for it (Qwen2's has some hundreds of spare rows)
 * 3. the token of a byte that occurs in no text (GPT-2, whose embedding is full): nothing in the model changes
 *
 * @throws TrainerError that names the file and what was expected
 */
export function chooseRoles(declared: DeclaredRoles, vocabulary: Vocabulary): Roles {
  const { file, idOf, added } = vocabulary;
  const special = new Set(added.map(({ id }) => id));
  const endName = declared.end ?? (declared.endIds.length > 0 ? null : END_OF_TEXT);
  let endOfText: number;
  if (endName !== null) {
    const id = idOf(endName);
    if (id === undefined || !special.has(id)) {
      throw new TrainerError(
        `${file}: the end-of-text token ${endName} is not among added_tokens: expected it there, or another one's name as eos_token in tokenizer_config.json.`,
      );
    }
    endOfText = id;
  } else endOfText = declared.endIds[0] ?? 0;
  const stops = [...new Set([endOfText, ...declared.endIds])];
  const outside = stops.find((id) => id >= vocabulary.size);
  if (outside !== undefined) {
    throw new TrainerError(
      `${file}: the end-of-text token ${outside} of generation_config.json or config.json is not in the vocabulary of ${vocabulary.size}: does the tokenizer belong to the model?`,
    );
  }
  const begin = declared.begin === null ? declared.beginId : idOf(declared.begin);
  return {
    beginOfText: begin ?? null,
    endOfText,
    stops,
    ...choosePadding(declared, vocabulary, new Set([...stops, ...(begin == null ? [] : [begin])])),
  };
}

function choosePadding(
  declared: DeclaredRoles,
  { file, added, idOf, idOfByte, size }: Vocabulary,
  taken: ReadonlySet<number>,
): { padding: number; made: AddedToken | null } {
  if (declared.padding !== null) {
    const id = idOf(declared.padding);
    if (id === undefined) {
      throw new TrainerError(
        `${file}: the padding token ${declared.padding} is not among added_tokens: expected it there, or another one's name as pad_token in tokenizer_config.json.`,
      );
    }
    if (!taken.has(id)) return { padding: id, made: null };
  }
  const { paddingId } = declared;
  if (declared.padding === null && paddingId !== null && paddingId < size && !taken.has(paddingId)) {
    return { padding: paddingId, made: null };
  }
  const free = added.filter(({ id, special }) => special && !taken.has(id));
  const named =
    free.find(({ content }) => content === PADDING) ??
    free.find(({ content }) => /pad/i.test(content) && !/vision|image|video|audio|fim/i.test(content)) ??
    free.findLast(({ content }) => /reserved|unused/i.test(content));
  if (named) return { padding: named.id, made: null };
  if (declared.rows === null || size < declared.rows) {
    return { padding: size, made: specialToken(size, PADDING) };
  }
  for (const byte of BYTES_OF_NO_TEXT) {
    const id = idOfByte(byte);
    if (id !== undefined && !taken.has(id)) return { padding: id, made: null };
  }
  throw new TrainerError(
    `${file}: there is no token that could be padding without ending a text: expected one named as pad_token in tokenizer_config.json.`,
  );
}
