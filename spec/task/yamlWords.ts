import type { YAMLError } from 'yaml';

/** The YAML library's complaint in our words. */
export function syntaxMessage(error: YAMLError): string {
  if (error.code === 'MISSING_CHAR' && /quote/.test(error.message)) return 'expected a closing quote, got the end of the text';
  if (error.code === 'MISSING_CHAR' && /implicit map keys?/i.test(error.message)) return 'expected `key: value`, got text without a colon';
  return WORDS[error.code] ?? 'expected YAML, got something that cannot be read';
}

const NESTED_ON_ONE_LINE = 'expected one `key: value` on a line; put a value that holds `: ` in quotes, and check the indentation';
const ANCHORS = 'expected an anchor or an alias in its place, got it elsewhere';

const WORDS: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  ALIAS_PROPS: ANCHORS,
  BAD_ALIAS: ANCHORS,
  BAD_COLLECTION_TYPE: 'expected a value that fits its tag, got another kind',
  BAD_DIRECTIVE: 'expected a known directive after `%`, got another one',
  BAD_DQ_ESCAPE: 'expected a known escape after `\\` in double quotes; single quotes take it as it is',
  BAD_INDENT: 'expected lines of one level to be indented alike and every bracket to be closed',
  BAD_PROP_ORDER: ANCHORS,
  BAD_SCALAR_START: 'expected a value; one that begins with `@`, `` ` `` or `%` needs quotes',
  BLOCK_AS_IMPLICIT_KEY: NESTED_ON_ONE_LINE,
  BLOCK_IN_FLOW: 'expected a list or a map in brackets to go on in brackets',
  KEY_OVER_1024_CHARS: 'expected a key of at most 1,024 characters, got a longer one',
  MISSING_CHAR: 'expected a character that is missing here: a bracket, a comma, a colon or a space',
  MULTILINE_IMPLICIT_KEY: NESTED_ON_ONE_LINE,
  MULTIPLE_ANCHORS: ANCHORS,
  MULTIPLE_DOCS: 'expected one document, got several; remove what follows `---` or `...`',
  MULTIPLE_TAGS: 'expected one tag, got several',
  NON_STRING_KEY: 'expected a key that is text, got a list, a map or a tag',
  RESOURCE_EXHAUSTION: 'expected less nesting, got too many levels',
  TAB_AS_INDENT: 'expected spaces as indentation, got a tab',
  TAG_RESOLVE_FAILED: 'expected a value without a `!` tag of its own; put text that begins with `!` in quotes',
  UNEXPECTED_TOKEN: 'expected a value or the next key, got something else',
};
