"""Writes openSizes.json: operators on results whose size is found at run time, and what ONNX Runtime computes with them.

pip install onnx==1.23.2 onnxruntime==1.32.0 && python openSizes.py
"""
import base64
import json
import os

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort

random = np.random.default_rng(11)
options = ort.SessionOptions()
options.log_severity_level = 3
# Rows of x [6, 4] whose m is positive: r [0 to 6, 4]; their numbers: at [1, 0 to 6].
ROWS = 'zero = Constant <value_float=0.0> () c = Greater(m, zero) r = Compress <axis=0> (x, c) at = NonZero(c)'
OTHERS = 'd = Greater(k, zero) s = Compress <axis=0> (x, d)'


def int64s(name, *numbers):
    return f'{name} = Constant <value_ints=[{", ".join(map(str, numbers))}]> ()'


COUNT = f'{int64s("first", 0)} shape = Shape(r) count = Gather(shape, first) {int64s("four", 4)}'

# name → statements that give y, and the least count that they are run with.
GRAPHS = {
    'elementwise': ('a = Add(r, x0) b = Mul(a, r) e = Greater(b, zero) n = Neg(r) w = Where(e, b, n) v = Clip(w, , one) y = Sigmoid(v)', 0),
    'boundsDiffer': ('t = Transpose(at) g = GatherND(x, t) y = Sub(g, r)', 0),
    'moves': (f'{int64s("a0", 0)} {int64s("a2", 2)} {int64s("a3", 3)} u = Unsqueeze(r, a2) v = Unsqueeze(u, a0) w = Squeeze(v, a3) p = Transpose <perm=[2, 1, 0]> (w) y = Identity(p)', 0),
    'squeezeOne': (f'{int64s("a1", 1)} {int64s("e", 1)} {int64s("f", 2)} t = Slice(r, e, f, a1) q = Squeeze(t, a1) y = Neg(q)', 0),
    'flattened': (f'{int64s("s1", -1)} a = Reshape(r, s1) y = Neg(a)', 0),
    'halved': (f'{int64s("s1", -1, 2)} a = Reshape(r, s1) {int64s("s2", 1, -1, 4)} b = Reshape(a, s2) y = Neg(b)', 0),
    'reshapedByShape': (f'{COUNT} {int64s("two", 2, 2)} s1 = Concat <axis=0> (count, two) a = Reshape(r, s1) y = Neg(a)', 0),
    'reshapedByCountInferred': (f'{COUNT} {int64s("two", -1)} s1 = Concat <axis=0> (count, two) a = Reshape(r, s1) y = Neg(a)', 1),
    'flattenRow': ('a = Flatten(r) y = Neg(a)', 0),
    'gatherFromBack': (f'{int64s("i", -1, 0)} y = Gather(r, i)', 1),
    'gatherColumns': (f'{int64s("i", 2, 0, -1)} a = Gather <axis=1> (r, i) y = Neg(a)', 0),
    'gatherRows': (f'{int64s("a0", 0)} q = Squeeze(at, a0) a = Gather(x, q) y = Sub(a, r)', 0),
    'gatherElements': ('t = ArgMax <axis=1, keepdims=1> (r) a = GatherElements <axis=1> (x6, t) y = Neg(a)', 6),
    'gatherElementsOpen': ('t = ArgMax <axis=0, keepdims=1> (r) y = GatherElements <axis=0> (r, t)', 1),
    'gatherNdFromBack': ('mi = Constant <value = int64[2, 1] {-1, 0}> () y = GatherND(r, mi)', 1),
    'scatterNd': ('t = Transpose(at) n = Neg(r) y = ScatterND(x, t, n)', 0),
    'scatterNdFromBack': (f'six = Constant <value_int=6> () t = Transpose(at) b = Sub(t, six) n = Neg(r) y = ScatterND(x, b, n)', 0),
    'scatterAdd': (f't = Transpose(at) {int64s("s", 1, 4)} tt = Tile(t6, s) n = Neg(r) y = ScatterElements <axis=0, reduction="add"> (x, tt, x)', 6),
    'scatterElements': (f'{COUNT} t = Transpose(at) s = Concat <axis=0> (count, four) e = Expand(t, s) n = Neg(r) y = ScatterElements <axis=0> (x, e, n)', 0),
    'concatenated': (f'{OTHERS} y = Concat <axis=0> (r, x, s, r)', 0),
    'concatenatedLast': ('y = Concat <axis=0> (x, r)', 0),
    'concatenatedColumns': ('n = Neg(r) a = Concat <axis=1> (r, n) y = Neg(a)', 0),
    'concatenatedThenRead': (f'{OTHERS} a = Concat <axis=0> (r, s) y = ReduceSum <keepdims=0> (a)', 0),
    'sliced': (f'{int64s("s0", 1)} {int64s("e", 3)} {int64s("a0", 0)} a = Slice(r, s0, e, a0) y = Neg(a)', 0),
    'slicedColumns': (f'{int64s("s0", 1)} {int64s("e", 3)} {int64s("a1", 1)} a = Slice(r, s0, e, a1) y = Neg(a)', 0),
    'slicedToCount': (f'{COUNT} y = Slice(x, first, count, first)', 0),
    'sizes': ('a = Shape(r) b = Size(r) f = Cast <to=1> (a) g = Cast <to=1> (b) y = Add(f, g)', 0),
    'constantOfShape': (f'a = Shape(r) b = ConstantOfShape <value = float[1] {{2.5}}> (a) y = Add(b, r)', 0),
    'range': (f'{COUNT} n0 = Constant <value_int=0> () n1 = Constant <value_int=1> () {int64s("a0", 0)} n = Squeeze(count, a0) a = Range(n0, n, n1) y = Neg(a)', 0),
    'expanded': (f'{COUNT} s = Concat <axis=0> (count, four) a = Expand(x0, s) y = Add(a, r)', 0),
    'best': (f'{COUNT} {int64s("three", 3)} k3 = Concat <axis=0> (count, three) k1 = ReduceMin <keepdims=1> (k3) y, i = TopK <axis=0> (r, k1)', 0),
    'smallest': (f'{COUNT} {int64s("three", 3)} k3 = Min(count, three) v, i = TopK <axis=0, largest=0> (r, k3) y = Neg(i)', 0),
    'bestOfRow': (f'{int64s("k2", 2)} v, i = TopK <axis=1> (r, k2) y = Neg(v)', 0),
    'bestOfAll': (f'{COUNT} y, i = TopK <axis=0> (x, count)', 0),
    'greatest': ('y = ReduceMax <axes=[0], keepdims=0> (r)', 1),
    'least': ('y = ReduceMin <axes=[0], keepdims=1> (r)', 1),
    'mean': ('y = ReduceMean <axes=[0], keepdims=0> (r)', 1),
    'meanOfRow': ('a = ReduceMean <axes=[1], keepdims=0> (r) y = Neg(a)', 0),
    'product': ('y = ReduceProd <axes=[0, 1], keepdims=0> (r)', 0),
    'argMin': ('y = ArgMin <axis=0, keepdims=0> (r)', 1),
    'argMaxOfRow': ('a = ArgMax <axis=1, keepdims=0> (r) y = Neg(a)', 0),
    'softmax': ('a = Softmax <axis=0> (r) y = Neg(a)', 0),
    'softmaxOfRow': ('a = LogSoftmax <axis=1> (r) y = Neg(a)', 0),
    'foundAgain': ('e = Greater(r, zero) y = NonZero(e)', 0),
    'compressedAgain': (f'{int64s("a1", 1)} t = ReduceSum <keepdims=0> (r, a1) e = Greater(t, zero) a = Compress <axis=0> (r, e) y = Neg(a)', 0),
    'compressedByClosed': ('e = Greater(k, zero) a = Compress <axis=0> (r, e) y = Neg(a)', 6),
    'products': ('t = Transpose(x) a = MatMul(r, t) b = Gemm <transB=1> (a, q) y = Neg(b)', 0),
    'images': (f'{int64s("s4", -1, 1, 2, 2)} a = Reshape(r, s4) b = Conv(a, f) g = MaxPool <kernel_shape=[2, 2]> (b) h = GlobalAveragePool(b) j = Concat <axis=1> (g, h) y = Neg(j)', 0),
    'split': ('a, b = Split <axis=1> (r) y = Sub(a, b)', 0),
    'knownSize': (f'e = Greater(p, zero) y = Compress <axis=0> (x, e)', 0),
    'branches': (f'{COUNT} {int64s("three", 3)} e = Greater(count, three) {int64s("a0", 0)} b = Squeeze(e, a0) y = If (b) <then_branch = t () => (z) {{ z = Neg(r) }}, else_branch = u () => (z) {{ z = Identity(x0) }}>', 0),
    'branchOfNothing': (f'n = Size(r) n0 = Constant <value_int=0> () b = Equal(n, n0) a = If (b) <then_branch = t () => (z) {{ z = ConstantOfShape <value = float[1] {{1.0}}> (none) }}, else_branch = u () => (z) {{ z = Relu(r) }}> y = Neg(a)', 0),
    'suppressed': (
        f'{int64s("i01", 0, 1)} {int64s("a0", 0)} {int64s("a2", 2)} p0 = Gather <axis=1> (r, i01) p1 = Relu(p0) w = Abs(p0) p2 = Add(p1, w) bx = Concat <axis=1> (p1, p2) '
        f'{int64s("i2", 2)} sc = Gather <axis=1> (r, i2) st = Transpose(sc) bb = Unsqueeze(bx, a0) ss = Unsqueeze(st, a0) '
        f'mo = Constant <value_int=4> () iou = Constant <value_float=0.3> () sel = NonMaxSuppression(bb, ss, mo, iou) gi = Gather <axis=1> (sel, i2) gs = Squeeze(gi, i1) g = Gather(bx, gs) y = Neg(g)', 0),
    'aligned': (f'a = Abs(r) b0 = Gather <axis=1> (a, i01) b1 = Add(b0, one) bx = Concat <axis=1> (b0, b1) s = Shape(r) {int64s("first", 0)} n = Gather(s, first) bi = ConstantOfShape <value = int64[1] {{0}}> (n) y = RoiAlign <output_height=2, output_width=2, sampling_ratio=1> (picture, bx, bi)', 1),
}  # fmt: skip
EXTRA = {
    'one': np.float32(1), 'x0': random.normal(size=(1, 4)).astype(np.float32), 'x6': random.normal(size=(6, 4)).astype(np.float32),
    'q': random.normal(size=(3, 6)).astype(np.float32), 'f': random.normal(size=(2, 1, 1, 1)).astype(np.float32),
    'p': np.array([1, -1, 1, 1, -1, -1], np.float32), 'none': np.array([0, 4], np.int64), 'i1': np.array([1], np.int64), 'i01': np.array([0, 1], np.int64),
    't6': np.arange(6, dtype=np.int64).reshape(6, 1)[::-1].copy(), 'picture': random.normal(size=(1, 2, 5, 5)).astype(np.float32),
}  # fmt: skip


def model(name):
    body = GRAPHS[name][0]
    text = f'<ir_version: 8, opset_import: ["" : 17]> {name} (float[6, 4] x, float[6] m, float[6] k) => (y) {{ {ROWS} {body} }}'
    parsed = onnx.parser.parse_model(text)
    used = {i for node in parsed.graph.node for i in [*node.input, *(i for a in node.attribute for n in a.g.node for i in n.input)]}
    made = {o for node in parsed.graph.node for o in node.output}
    for extra, value in EXTRA.items():
        if extra in used - made:
            parsed.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), extra))
    inferred = onnx.shape_inference.infer_shapes(parsed)
    found = [v for v in [*inferred.graph.value_info, *inferred.graph.output] if v.name == 'y'][0]
    parsed.graph.output[0].type.tensor_type.elem_type = found.type.tensor_type.elem_type
    return parsed.SerializeToString()


def cases(data, least):
    session = ort.InferenceSession(data, options)
    for count in sorted({least, max(least, 1), max(least, 3), 6}):
        m = np.full(6, -1, np.float32)
        m[random.permutation(6)[:count]] = 1
        feeds = {'x': random.normal(size=(6, 4)).astype(np.float32), 'm': m, 'k': random.normal(size=6).astype(np.float32)}
        if all(i.name != 'k' for i in session.get_inputs()):
            del feeds['k']
        y = session.run(['y'], feeds)[0]
        yield {'inputs': {n: base64.b64encode(v).decode() for n, v in feeds.items()}, 'shape': list(y.shape), 'y': base64.b64encode(y.astype(np.float32)).decode()}


golden = []
for name, (_, least) in GRAPHS.items():
    data = model(name)
    golden.append({'name': name, 'model': base64.b64encode(data).decode(), 'cases': list(cases(data, least))})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'openSizes.json'), 'w') as file:
    file.write('[\n' + ',\n'.join(json.dumps(one) for one in golden) + '\n]\n')
