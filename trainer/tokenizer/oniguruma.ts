import { messageOf, TrainerError } from '../errors.ts';

/**
 * Hugging Face's tokenizers compile their patterns with Oniguruma in Ruby's syntax. This translates what such patterns
 * use to JavaScript's regular expressions with the flags g and u (Oniguruma's doc/RE is the source):
 *
 * - `\s` is Unicode's White_Space: with U+0085 and without U+FEFF, other than JavaScript's; `\d` is \p{Nd}, `\w` a letter,
 *   mark, number or connector, `\h` a hexadecimal digit
 * - `^` and `$` hold at every line, whose only end is \n; `.` is all but \n; `\A`, `\z` are the text's ends
 * - `(?i:…)` and a leading `(?i)`, with what folds to a letter from beyond ASCII (ſ to s, K to k)
 * - possessive `?+`, `*+`, `++` and atomic `(?>…)`: a lookahead, which does not backtrack, and a reference to it;
 *   `{n,m}+` is no possessive here but a repetition of it
 * - scripts by name: `\p{Han}`
 * @throws TrainerError without a full stop, for the caller to say where: what is not understood
 */
export function translatePattern(source: string): string {
  const translated = new Translator(source).translate();
  try {
    new RegExp(translated, 'gu');
  } catch (cause) {
    throw new TrainerError(
      `the pattern ${JSON.stringify(source)} cannot be translated to JavaScript (${messageOf(cause)})`,
      { cause },
    );
  }
  return translated;
}

const CLASS_ESCAPES: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  d: '\\p{Nd}',
  w: '\\p{L}\\p{M}\\p{N}\\p{Pc}',
  h: '0-9A-Fa-f',
};
const ANCHORS: Readonly<Record<string, string>> = {
  A: '(?<![\\s\\S])',
  z: '(?![\\s\\S])',
  Z: '(?!\\n?[\\s\\S])',
  b: '\\b',
  B: '\\B',
  G: '',
};
/** Escapes that mean the same in both. */
const SAME_ESCAPES = 'nrtvf';
const SYNTAX = '^$\\.*+?()[]{}|/-';
const PROPERTIES = /^(L|M|N|P|S|Z|C)[a-z&]?$|^(Any|Alphabetic|White_Space|Emoji|ASCII|Uppercase|Lowercase)$/;

/** Walks over a pattern once, from the left. */
class Translator {
  readonly #source: string;
  #at = 0;
  #atomicGroups = 0;

  constructor(source: string) {
    this.#source = source;
  }

  translate(): string {
    let fold = false;
    if (this.#source.startsWith('(?i)')) {
      fold = true;
      this.#at = 4;
    }
    const out = this.#alternatives(fold);
    if (this.#at < this.#source.length)
      throw this.#unsupported(`the parenthesis at ${this.#at} opens nowhere`);
    return out;
  }

  /** Everything up to a closing parenthesis or the end. */
  #alternatives(fold: boolean): string {
    let out = '';
    while (this.#at < this.#source.length && this.#peek() !== ')') {
      if (this.#peek() === '|') {
        this.#at++;
        out += '|';
      } else out += this.#quantified(this.#atom(fold));
    }
    return out;
  }

  /** An atom with the quantifiers that follow it. */
  #quantified(atom: string): string {
    let out = atom;
    for (;;) {
      const braces = /^\{(\d*)(,?)(\d*)\}/.exec(this.#source.slice(this.#at));
      const interval = braces && (braces[1] !== '' || braces[3] !== '') ? braces : null;
      const sign = this.#peek();
      if (interval) {
        this.#at += interval[0].length;
        const [, least, comma, most] = interval;
        out += `{${least || '0'}${comma}${most}}`;
      } else if (sign === '*' || sign === '+' || sign === '?') {
        this.#at++;
        out += sign;
      } else return out;
      const following = this.#peek();
      if (following === '?') {
        this.#at++;
        out += '?';
      } else if (following === '+' && !interval) {
        this.#at++;
        out = this.#atomic(out);
      } else if (following === '+' || following === '*') out = `(?:${out})`;
    }
  }

  #atomic(inside: string): string {
    const name = `atomic${this.#atomicGroups++}`;
    return `(?:(?=(?<${name}>${inside}))\\k<${name}>)`;
  }

  #atom(fold: boolean): string {
    const character = this.#take();
    switch (character) {
      case '(':
        return this.#group(fold);
      case '[':
        return this.#class(fold);
      case '\\':
        return this.#escape();
      case '.':
        return '[^\\n]';
      case '^':
        return '(?<![^\\n])';
      case '$':
        return '(?![^\\n])';
      default:
        return this.#literal(character, fold);
    }
  }

  #group(fold: boolean): string {
    const rest = this.#source.slice(this.#at);
    const [opening] = /^\?(?:i:|-i:|:|>|=|!|<=|<!|#[^)]*)/.exec(rest) ?? [''];
    if (opening === '' && rest.startsWith('?')) throw this.#unsupported(`the group (${rest.slice(0, 4)}…`);
    this.#at += opening.length;
    if (opening.startsWith('?#')) {
      this.#close();
      return '(?:)';
    }
    const folded = opening === '?i:' ? true : opening === '?-i:' ? false : fold;
    const inside = this.#alternatives(folded);
    this.#close();
    if (opening === '?>') return this.#atomic(inside);
    return opening === '?i:' || opening === '?-i:' || opening === ''
      ? `(?:${inside})`
      : `(${opening}${inside})`;
  }

  #close(): void {
    if (this.#peek() !== ')') throw this.#unsupported('a group is not closed');
    this.#at++;
  }

  #escape(): string {
    const next = this.#peek();
    const anchor = ANCHORS[next];
    if (anchor !== undefined) {
      this.#at++;
      return anchor;
    }
    const { text, isClass, negated } = this.#escapedSet();
    // A hyphen is escaped in classes only.
    if (!isClass) return text === '\\-' ? '-' : text;
    const isProperty = /^\\[pP]\{[^}]*\}$/.test(text);
    if (isProperty) return negated ? text.replace('\\p', '\\P') : text;
    return `[${negated ? '^' : ''}${text}]`;
  }

  /** What follows a backslash, in a class or out of it. */
  #escapedSet(): { text: string; isClass: boolean; negated: boolean } {
    const next = this.#take();
    const known = CLASS_ESCAPES[next.toLowerCase()];
    if (known !== undefined) return { text: known, isClass: true, negated: next !== next.toLowerCase() };
    if (next === 'p' || next === 'P')
      return { text: this.#property(next === 'P'), isClass: true, negated: false };
    if (SAME_ESCAPES.includes(next)) return { text: `\\${next}`, isClass: false, negated: false };
    if (next === 'x' || next === 'u') {
      const [digits, long, short] =
        /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2,4}))/.exec(this.#source.slice(this.#at)) ?? [];
      const code = long ?? short?.slice(0, next === 'x' ? 2 : 4);
      if (digits === undefined || code === undefined) throw this.#unsupported(`the escape \\${next}`);
      this.#at += long === undefined ? code.length : digits.length;
      return { text: `\\u{${code}}`, isClass: false, negated: false };
    }
    if (/[A-Za-z0-9]/.test(next)) throw this.#unsupported(`the escape \\${next}`);
    return { text: SYNTAX.includes(next) ? `\\${next}` : next, isClass: false, negated: false };
  }

  #property(negative: boolean): string {
    const match = /^\{(\^?)([\w&]+)\}/.exec(this.#source.slice(this.#at));
    if (!match) throw this.#unsupported('a property without a name in braces');
    this.#at += match[0].length;
    const [, caret, name = ''] = match;
    const sign = negative !== (caret === '^') ? 'P' : 'p';
    return `\\${sign}{${PROPERTIES.test(name) ? name : `Script=${name}`}}`;
  }

  #class(fold: boolean): string {
    let negated = false;
    if (this.#peek() === '^') {
      this.#at++;
      negated = true;
    }
    let out = '';
    for (let first = true; ; first = false) {
      if (this.#at >= this.#source.length) throw this.#unsupported('a class is not closed');
      if (this.#peek() === ']' && !first) break;
      const character = this.#take();
      if (character === '[' || (character === '&' && this.#peek() === '&')) {
        throw this.#unsupported('a class inside a class');
      }
      if (character === '\\') {
        const { text, isClass, negated: inverse } = this.#escapedSet();
        if (inverse && text !== '\\p{White_Space}') throw this.#unsupported('a negated class inside a class');
        out += isClass && inverse ? '\\P{White_Space}' : text;
      } else if (character === '-') {
        // Between two characters a range, at either end itself.
        out += first || this.#peek() === ']' ? '\\-' : '-';
      } else if (fold && /^-[A-Za-z]/.test(this.#source.slice(this.#at)) && /[A-Za-z]/.test(character)) {
        const range = character + this.#source.slice(this.#at, this.#at + 2);
        this.#at += 2;
        out += range.toLowerCase() + range.toUpperCase();
      } else out += fold ? variants(character).map(escapeInClass).join('') : escapeInClass(character);
    }
    this.#at++;
    return `[${negated ? '^' : ''}${out}]`;
  }

  #literal(character: string, fold: boolean): string {
    const all = fold ? variants(character) : [character];
    if (all.length > 1) return `[${all.map(escapeInClass).join('')}]`;
    return SYNTAX.includes(character) && character !== '-' ? `\\${character}` : character;
  }

  #peek(): string {
    const code = this.#source.codePointAt(this.#at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #take(): string {
    const character = this.#peek();
    if (character === '') throw this.#unsupported('it ends too early');
    this.#at += character.length;
    return character;
  }

  #unsupported(what: string): TrainerError {
    return new TrainerError(`the pattern ${JSON.stringify(this.#source)}: ${what} is not understood`);
  }
}

/** What equals a character when case is ignored. Of ASCII, only s and k have more than their other case. */
function variants(character: string): string[] {
  const all = new Set([character, character.toLowerCase(), character.toUpperCase()]);
  if (all.has('s')) all.add('\u017f');
  if (all.has('k')) all.add('\u212a');
  return [...all].filter((one) => [...one].length === 1);
}

function escapeInClass(character: string): string {
  return '\\]^-['.includes(character) ? `\\${character}` : character;
}
