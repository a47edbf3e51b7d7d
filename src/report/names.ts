/** Share of names that must start alike. */
const MOST = 0.75;

/** What nearly all of `names` start with, up to a slash: it says nothing, and takes the room of what does. */
export function commonPath(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) {
    for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
      const path = name.slice(0, at + 1);
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
  }
  const common = [...counts].filter(([, count]) => count > 1 && count >= MOST * names.length).map(([path]) => path);
  return common.reduce((longest, path) => (path.length > longest.length ? path : longest), '');
}

/** Takes `path` off the front of a name. */
export const without =
  (path: string) =>
  (name: string): string =>
    path && name.startsWith(path) ? name.slice(path.length) : name;
