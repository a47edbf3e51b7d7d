/** What went wrong, as a stable word to branch on. */
export type ErrorCode = 'SHAPE' | 'DTYPE' | 'UNSUPPORTED_OP' | 'UNSUPPORTED_ATTR' | 'BUDGET' | 'FORMAT' | 'VERSION' | 'INPUT' | 'TRAP';

export interface ErrorDetails {
  /** Operator or layer type, e.g. `conv2d`. */
  readonly op?: string | undefined;
  /** Name of the node, layer or file concerned. */
  readonly node?: string | undefined;
  readonly expected?: string | undefined;
  readonly got?: string | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
  /** Names that a caller can act on: the inputs that have to be constant. */
  readonly names?: readonly string[] | undefined;
  /** The error that this one stands for, where it was not expected. */
  readonly cause?: Error | undefined;
}

/** The one error class of thimble. Text: `Conv "stem/conv1": group 3 does not divide 32 input channels (expected …, got …); hint`. */
export class ThimbleError extends Error implements ErrorDetails {
  override readonly name = 'ThimbleError';
  declare readonly cause: Error | undefined;
  readonly code: ErrorCode;
  readonly op: string | undefined;
  readonly node: string | undefined;
  readonly expected: string | undefined;
  readonly got: string | undefined;
  readonly hint: string | undefined;
  readonly names: readonly string[] | undefined;
  readonly #problem: string;

  constructor(code: ErrorCode, problem: string, details: ErrorDetails = {}) {
    super(describe(problem, details), { cause: details.cause });
    this.code = code;
    this.#problem = problem;
    this.op = details.op;
    this.node = details.node;
    this.expected = details.expected;
    this.got = details.got;
    this.hint = details.hint;
    this.names = details.names;
  }

  /** The same error, said to have happened at `place`; what the error already names of it stays. */
  at(place: Pick<ErrorDetails, 'op' | 'node'>): ThimbleError {
    return this.#copy(this.code, place);
  }

  /** The same error under another code. */
  as(code: ErrorCode): ThimbleError {
    return this.#copy(code, {});
  }

  #copy(code: ErrorCode, place: Pick<ErrorDetails, 'op' | 'node'>): ThimbleError {
    const { op = place.op, node = place.node, expected, got, hint, names, cause } = this;
    return new ThimbleError(code, this.#problem, { op, node, expected, got, hint, names, cause });
  }
}

function describe(problem: string, { op, node, expected, got, hint }: ErrorDetails): string {
  const place = [op, node && `"${node}"`].filter(Boolean).join(' ');
  const versus = [expected && `expected ${expected}`, got && `got ${got}`].filter(Boolean).join(', ');
  return `${place && `${place}: `}${problem}${versus && ` (${versus})`}${hint ? `; ${hint}` : ''}`;
}
