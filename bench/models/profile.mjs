// The steps of thimble on the cases, slowest kernels last. Usage: node profile.mjs ONLY
import { load, profile, supports } from '../../dist/index.js';
import { cases } from './cases.mjs';

const MOST_RUNS = 400;
const SECONDS = 1;

for (const { name, onnx } of await cases(process.argv[2] ?? '')) {
  for (const flavour of ['simd', 'relaxed'].filter(supports)) {
    const model = await load(onnx.bytes, { flavour });
    const run = () => model.run({ [model.inputs[0].name]: onnx.input });
    for (let i = 0; i < 20; i++) run();
    const start = performance.now();
    for (let i = 0; i < 5; i++) run();
    const runs = Math.min(MOST_RUNS, Math.max(10, Math.round((SECONDS * 2500) / (performance.now() - start))));
    const steps = profile(model, { runs });
    const total = steps.reduce((sum, { ms }) => sum + ms, 0);
    console.log(`\n${name}, ${flavour}: ${total.toFixed(4)} ms`);
    for (const { kernel, calls, shape, ms, macs } of steps) line(kernel, calls, shape, ms, macs, total);
    console.log('by kernel');
    const kernels = [...new Set(steps.map(({ kernel }) => kernel))].map((kernel) => {
      const own = steps.filter((step) => step.kernel === kernel);
      const sum = (field) => own.reduce((all, step) => all + step[field], 0);
      return [kernel, sum('calls'), '', sum('ms'), sum('macs')];
    });
    for (const row of kernels.sort((a, b) => a[3] - b[3])) line(...row, total);
  }
}

function line(kernel, calls, shape, ms, macs, total) {
  const speed = macs ? `${(macs / ms / 1e6).toFixed(1).padStart(6)} GMAC/s` : ''.padStart(13);
  const share = `${((ms / total) * 100).toFixed(1).padStart(5)} %`;
  console.log(`  ${kernel.padEnd(28)} ${`${calls}×`.padStart(5)} ${shape.padEnd(20)} ${ms.toFixed(4).padStart(9)} ms ${share} ${speed}`);
}
