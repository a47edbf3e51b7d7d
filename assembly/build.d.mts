export function build(): Promise<void>;
export function recordsSource(): Promise<string>;
export function replaceFile(path: string, contents: string | Uint8Array): void;
