/** What `fit` returns: for each epoch run, its number and what was logged at its end. */
export interface History {
  readonly epoch: number[];
  /** `loss`, each metric, and both with `val_` where there was validation data. */
  readonly history: Record<string, number[]>;
}

/** Appends an epoch. */
export function record({ epoch, history }: History, number: number, logs: Readonly<Record<string, number>>): void {
  epoch.push(number);
  for (const [name, value] of Object.entries(logs)) {
    history[name] ??= [];
    history[name].push(value);
  }
}
