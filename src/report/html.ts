/** Text made safe for HTML and SVG. */
export const escapeHtml = (text: unknown): string =>
  String(text).replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c] as string);

/** Colours by name, for light and dark. */
export const theme = `
:root{color-scheme:light dark;--ink:#1b2330;--dim:#5c6675;--line:#d9dee6;--paper:#fff;--card:#f6f8fa;--accent:#2563eb;--second:#d97706;--good:#15803d;--bad:#b91c1c}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#9aa5b5;--line:#333c4a;--paper:#12161d;--card:#1a202a;--accent:#7aa7ff;--second:#f5b04c;--good:#4ade80;--bad:#f87171}}
`;

const style = `${theme}*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:40px 0 10px}h3{font-size:15px;margin:18px 0 6px}
p{margin:4px 0 10px;color:var(--dim)}.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px}.card b{display:block;font-size:22px}.card span{color:var(--dim);font-size:13px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:20px}.scroll{overflow-x:auto}svg{max-width:100%;height:auto;color:var(--ink)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,td:first-child{text-align:left}
th{color:var(--dim);font-weight:500}.matrix td{width:44px;text-align:center;border:1px solid var(--line)}.matrix th{text-align:center;border:0}
.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(84px,1fr));gap:12px}.samples figure{margin:0;text-align:center;font-size:13px}.samples svg{width:72px;image-rendering:pixelated;border-radius:4px}
.photographs{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:14px}.photographs figure{margin:0;font-size:13px}.photographs img{width:100%;aspect-ratio:1;object-fit:cover;border-radius:6px;display:block;margin-bottom:4px}
.legend{display:flex;flex-wrap:wrap;gap:4px 14px;margin:8px 0;font-size:13px;color:var(--dim);max-height:132px;overflow-y:auto}.legend i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:5px;vertical-align:-1px}
.wide svg g:hover rect{stroke:var(--ink);stroke-width:2}.bar{display:inline-block;height:9px;background:var(--accent);border-radius:2px}td.name,th.name{text-align:left}td.reason{text-align:left;color:var(--dim);white-space:normal;min-width:240px;max-width:560px}td.value{white-space:normal}
.wrong{color:var(--bad)}.right{color:var(--good)}
`;

/** A page without a single outside request. */
export const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><style>${style}</style></head>
<body><main>${body}</main></body></html>
`;
