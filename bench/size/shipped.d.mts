export const dist: string;
export function shipped(entry: string, found?: Set<string>): Set<string>;
export function sizesOf(paths: Iterable<string>): { bytes: number; gzip: number };
