"""Writes contrib.json: operators that ONNX Runtime's optimizers write (domain com.microsoft), and what ONNX Runtime computes with them.

pip install onnx==1.23.2 onnxruntime==1.32.0 && python contrib.py
"""
import base64
import json
import os

import ml_dtypes
import numpy as np
import onnxruntime as ort
from onnx import helper, numpy_helper

random = np.random.default_rng(7)
options = ort.SessionOptions()
options.log_severity_level = 3
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
cases = []


def floats(*shape):
    return random.normal(size=shape).astype(np.float32)


def i32(values):
    return np.asarray(values, np.int32)


def i64(values):
    return np.asarray(values, np.int64)


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def network(name, nodes, inputs, constants, outputs=('y',), compared=None):
    """`inputs` are fed, `constants` are in the file; of `outputs`, those that are `compared` are recorded."""
    ports = [helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for key, x in inputs.items()]
    results = [helper.make_empty_tensor_value_info(key) for key in outputs if key]
    graph = helper.make_graph(nodes, 'contrib', ports, results, [numpy_helper.from_array(x, key) for key, x in constants.items()])
    opsets = [helper.make_opsetid('', 17), helper.make_opsetid('com.microsoft', 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    want = ort.InferenceSession(model, options, providers=['CPUExecutionProvider']).run(None, inputs)
    cases.append({
        'name': name,
        'model': text(np.frombuffer(model, np.uint8)),
        'inputs': {key: {'dtype': str(x.dtype), 'shape': x.shape, 'data': text(x)} for key, x in inputs.items()},
        'outputs': {key: {'dtype': str(x.dtype), 'shape': x.shape, 'data': text(x)} for key, x in zip([o for o in outputs if o], want) if key in (compared or outputs)},
    })


def case(name, op, inputs, constants=None, outputs=('y',), order=None, domain='com.microsoft', compared=None, **attributes):
    """One node. `order` names the inputs as the node takes them, '' for none."""
    constants = constants or {}
    order = order or [*inputs, *constants]
    network(name, [helper.make_node(op, order, list(outputs), domain=domain, **attributes)], inputs, constants, outputs, compared)


x = floats(2, 5, 8)
case('Gelu', 'Gelu', {'x': x})
case('BiasGelu', 'BiasGelu', {'x': x}, {'b': floats(8)})
case('FastGelu', 'FastGelu', {'x': x})
case('FastGelu with a bias', 'FastGelu', {'x': x}, {'b': floats(8)})
case('QuickGelu', 'QuickGelu', {'x': x}, alpha=1.702)
case('QuickGelu of another slope', 'QuickGelu', {'x': x}, alpha=0.7)

for a, b, turnA, turnB in [((2, 3, 5), (2, 5, 4), 0, 0), ((2, 5, 3), (2, 4, 5), 1, 1), ((5, 3), (5, 4), 1, 0), ((3, 5), (2, 4, 5), 0, 1)]:
    case(f'FusedMatMul {a} {b}', 'FusedMatMul', {'a': floats(*a), 'b': floats(*b)}, alpha=0.3, transA=turnA, transB=turnB)
    case(f'FusedMatMul {a} {b[-2:]} constant', 'FusedMatMul', {'a': floats(*a)}, {'b': floats(*b[-2:])}, alpha=0.3, transA=turnA, transB=turnB)
case('FusedMatMul with a vector', 'FusedMatMul', {'a': floats(3, 5), 'b': floats(5)}, transB=1)

image = {'x': floats(1, 3, 6, 5)}
filters = {'w': floats(4, 3, 3, 3), 'b': floats(4)}
for activation, *params in [('Relu',), ('Tanh',), ('Sigmoid',), ('LeakyRelu', 0.3), ('HardSigmoid', 0.3, 0.4), ('Clip', -1.0, 2.0)]:
    extra = {'activation_params': params} if params else {}
    case(f'FusedConv {activation}', 'FusedConv', image, filters, activation=activation, pads=[1, 1, 1, 1], **extra)
case('FusedConv with a sum', 'FusedConv', {**image, 'z': floats(1, 4, 6, 5)}, filters, order=['x', 'w', 'b', 'z'], activation='Relu', pads=[1, 1, 1, 1])
case('FusedGemm', 'FusedGemm', {'x': floats(3, 5)}, {'w': floats(4, 5), 'b': floats(4)}, transB=1, alpha=0.5, activation='LeakyRelu', activation_alpha=0.2)

norm = {'gamma': floats(8), 'beta': floats(8), 'bias': floats(8)}
case('SkipLayerNormalization', 'SkipLayerNormalization', {'x': x, 'skip': floats(2, 5, 8)}, norm, outputs=('y', '', '', 'sum'), epsilon=1e-5)
case('SkipLayerNormalization of one skip', 'SkipLayerNormalization', {'x': x, 'skip': floats(1, 5, 8)}, {'gamma': floats(8)})
case('SkipSimplifiedLayerNormalization', 'SkipSimplifiedLayerNormalization', {'x': x, 'skip': floats(2, 5, 8)}, {'gamma': floats(8), 'bias': floats(8)}, outputs=('y', '', '', 'sum'), epsilon=1e-5)

ids = {'ids': i32(random.integers(0, 9, (2, 5))), 'segments': i32(random.integers(0, 2, (2, 5))), 'mask': i32([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])}
tables = {'words': floats(9, 8), 'places': floats(6, 8), 'kinds': floats(2, 8), 'gamma': floats(8), 'beta': floats(8)}
order = ['ids', 'segments', 'words', 'places', 'kinds', 'gamma', 'beta', 'mask']
case('EmbedLayerNormalization', 'EmbedLayerNormalization', ids, tables, order=order, outputs=('y', 'count', 'sum'), epsilon=1e-5)
few = {key: tables[key] for key in ('words', 'places', 'gamma', 'beta')}
case('EmbedLayerNormalization of words alone', 'EmbedLayerNormalization', {'ids': ids['ids']}, few, order=['ids', '', 'words', 'places', '', 'gamma', 'beta'], outputs=('y', 'count'))
case('EmbedLayerNormalization at positions', 'EmbedLayerNormalization', {'ids': ids['ids'], 'at': i32([[1, 2, 3, 4, 5], [0, 0, 1, 1, 2]])}, few, order=['ids', '', 'words', 'places', '', 'gamma', 'beta', '', 'at'], outputs=('y', 'count'))

weights = {'w': floats(8, 24) * 0.4, 'b': floats(24)}
padding = ids['mask']
case('Attention', 'Attention', {'x': x}, weights, num_heads=2)
case('Attention, causal', 'Attention', {'x': x}, weights, num_heads=4, unidirectional=1, scale=0.9)
case('Attention, padded', 'Attention', {'x': x, 'mask': padding}, weights, order=['x', 'w', 'b', 'mask'], num_heads=2)
case('Attention, causal and padded', 'Attention', {'x': x, 'mask': padding}, weights, order=['x', 'w', 'b', 'mask'], num_heads=2, unidirectional=1)
case('Attention, with its own masks', 'Attention', {'x': x, 'mask': i32(random.integers(0, 2, (2, 5, 5)) | np.eye(5, dtype=int))}, weights, order=['x', 'w', 'b', 'mask'], num_heads=2)
case('Attention, lengths', 'Attention', {'x': x, 'mask': i32([5, 3])}, weights, order=['x', 'w', 'b', 'mask'], num_heads=2)
case('Attention, ends and starts', 'Attention', {'x': x, 'mask': i32([5, 4, 1, 0])}, weights, order=['x', 'w', 'b', 'mask'], num_heads=2)
case('Attention, biased', 'Attention', {'x': x, 'bias': floats(2, 2, 5, 5)}, weights, order=['x', 'w', 'b', '', '', 'bias'], num_heads=2)
case('Attention, unequal widths', 'Attention', {'x': x}, {'w': floats(8, 28) * 0.4, 'b': floats(28)}, num_heads=2, qkv_hidden_sizes=[8, 8, 12])
case('Attention, a cache', 'Attention', {'x': x, 'past': floats(2, 2, 2, 3, 4)}, weights, order=['x', 'w', 'b', '', 'past'], outputs=('y', 'present'), num_heads=2, unidirectional=1)

codes = {'w': random.integers(-90, 90, (8, 24)).astype(np.int8), 'b': floats(24), 'xs': np.float32(0.02), 'ws': np.float32(0.01), 'xz': np.uint8(117), 'wz': np.int8(3)}
case('QAttention', 'QAttention', {'x': random.integers(0, 255, (2, 5, 8)).astype(np.uint8), 'mask': i32([5, 3])}, codes, order=['x', 'w', 'b', 'xs', 'ws', 'mask', 'xz', 'wz'], num_heads=2)

q, k, v = floats(2, 5, 8), floats(2, 6, 8), floats(2, 6, 12)
case('MultiHeadAttention', 'MultiHeadAttention', {'q': q, 'k': k, 'v': v}, num_heads=2)
case('MultiHeadAttention, with bias', 'MultiHeadAttention', {'q': q, 'k': k, 'v': v}, {'b': floats(28)}, num_heads=2, scale=0.4)
case('MultiHeadAttention, padded', 'MultiHeadAttention', {'q': q, 'k': k, 'v': v, 'mask': i32([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])}, order=['q', 'k', 'v', '', 'mask'], num_heads=2)
case('MultiHeadAttention, biased scores', 'MultiHeadAttention', {'q': q, 'k': k, 'v': v, 'bias': floats(1, 2, 5, 6)}, order=['q', 'k', 'v', '', '', 'bias'], num_heads=2)
case('MultiHeadAttention, causal', 'MultiHeadAttention', {'q': q, 'k': floats(2, 5, 8), 'v': floats(2, 5, 8)}, num_heads=2, unidirectional=1)
case('MultiHeadAttention, a cache', 'MultiHeadAttention', {'q': q, 'k': floats(2, 5, 8), 'v': floats(2, 5, 8), 'pk': floats(2, 2, 3, 4), 'pv': floats(2, 2, 3, 4)}, order=['q', 'k', 'v', '', '', '', 'pk', 'pv'], outputs=('y', 'presentK', 'presentV'), num_heads=2)
case('MultiHeadAttention, heads of another sequence', 'MultiHeadAttention', {'q': q, 'k': floats(2, 2, 6, 4), 'v': floats(2, 2, 6, 4)}, num_heads=2)

caches = {'cos': floats(7, 2), 'sin': floats(7, 2)}
at = i64([[0, 1, 2, 3, 4], [2, 3, 4, 5, 6]])
order = ['x', 'at', 'cos', 'sin']
case('RotaryEmbedding', 'RotaryEmbedding', {'x': x, 'at': at}, caches, order=order)
case('RotaryEmbedding, interleaved', 'RotaryEmbedding', {'x': x, 'at': at}, caches, order=order, interleaved=1)
case('RotaryEmbedding from a step on', 'RotaryEmbedding', {'x': x, 'at': i64([2])}, caches, order=order)
case('RotaryEmbedding of heads', 'RotaryEmbedding', {'x': floats(2, 3, 5, 4), 'at': at}, caches, order=order)
case('RotaryEmbedding of a part', 'RotaryEmbedding', {'x': floats(2, 5, 12), 'at': at}, caches, order=order, num_heads=2, rotary_embedding_dim=4)

for bits, depth, units, block, zeros in [(4, 64, 6, 32, None), (4, 72, 5, 16, 'packed'), (4, 40, 70, 32, 'packed'), (8, 32, 7, 16, None), (8, 48, 3, 16, 'packed'), (4, 64, 80, 32, 'floats')]:
    blocks = -(-depth // block)
    constants = {'w': random.integers(0, 256, (units, blocks, block * bits // 8)).astype(np.uint8), 's': np.abs(floats(units * blocks)) * 0.1}
    if zeros == 'packed':
        constants['z'] = random.integers(0, 256, units * -(-blocks * bits // 8)).astype(np.uint8)
    if zeros == 'floats':
        constants['z'] = (random.normal(size=units * blocks) + 8).astype(np.float32)
    case(f'MatMulNBits {bits} bits {depth}x{units} in {block}, zero points {zeros}', 'MatMulNBits', {'x': floats(3, depth)}, constants, K=depth, N=units, bits=bits, block_size=block)
case('MatMulNBits with a bias', 'MatMulNBits', {'x': floats(1, 2, 32)}, {'w': random.integers(0, 256, (6, 1, 16)).astype(np.uint8), 's': floats(6), 'b': floats(6)}, order=['x', 'w', 's', '', '', 'b'], K=32, N=6, bits=4, block_size=32)

for a, b, given in [((3, 2, 4, 5), (2, 4, 5, 6), {'transBatchA': 1}), ((5, 2, 4, 3), (2, 4, 5, 6), {'transBatchA': 1, 'transA': 1}), ((2, 4, 3, 5), (6, 2, 4, 5), {'transBatchB': 1, 'transB': 1}), ((3, 2, 5), (5, 2, 6), {'transBatchA': 1, 'transBatchB': 1})]:
    case(f'FusedMatMul {a} {b} {" ".join(given)}', 'FusedMatMul', {'a': floats(*a), 'b': floats(*b)}, alpha=0.5, **given)

for activation, given in [('Softplus', {}), ('Elu', {'activation_alpha': 0.7}), ('Selu', {'activation_alpha': 1.5, 'activation_gamma': 1.1}), ('ThresholdedRelu', {'activation_alpha': 0.4})]:
    case(f'FusedGemm {activation}', 'FusedGemm', {'x': floats(3, 5)}, {'w': floats(4, 5), 'b': floats(4)}, transB=1, activation=activation, **given)


def u8(*shape):
    return random.integers(0, 256, shape).astype(np.uint8)


def i8(*shape):
    return random.integers(-128, 128, shape).astype(np.int8)


def step(name, scale, zero):
    return {f'{name}s': np.float32(scale), f'{name}z': zero}


pixels = {'x': u8(1, 6, 5, 3)}
filters = {**step('x', 0.02, np.uint8(120)), 'w': i8(4, 3, 3, 3), **step('w', 0.01, np.int8(0)), **step('y', 0.09, np.uint8(100)), 'b': i32(random.integers(-900, 900, 4))}
case('QLinearConv, channels last', 'QLinearConv', pixels, filters, channels_last=1, pads=[1, 1, 1, 1], strides=[2, 1])
case('NhwcMaxPool', 'NhwcMaxPool', pixels, kernel_shape=[2, 2], strides=[2, 2])
for name, given in [('QLinearAveragePool', {'kernel_shape': [2, 2], 'strides': [2, 1]}), ('QLinearGlobalAveragePool', {})]:
    case(f'{name}, channels last', name, pixels, {**step('x', 0.02, np.uint8(120)), **step('y', 0.013, np.uint8(110))}, channels_last=1, **given)
for scale in (1 / 255, 1 / 256, 0.003, 0.011):
    case(f'QLinearSoftmax to steps of {scale:.4f}', 'QLinearSoftmax', {'x': i8(6, 9)}, {**step('x', 0.02, np.int8(3)), **step('y', scale, np.int8(-128))}, axis=-1, opset=13)
case('DequantizeLinear of a vector by one scale with an axis', 'DequantizeLinear', {'x': i8(7)}, step('x', 0.02, np.int8(3)), domain='', axis=1)

for mode in ('half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'):
    for scales in ([1, 1, 2, 2], [1, 2, 1.5, 1], [1, 1, 0.5, 3]):
        given = {'mode': 'linear', 'coordinate_transformation_mode': mode, 'domain': '', 'order': ['x', '', 'scales']}
        case(f'Resize {scales}, {mode}', 'Resize', {'x': floats(1, 4, 6, 5)}, {'scales': np.float32(scales)}, **given)
case('Resize of bytes', 'Resize', {'x': u8(1, 3, 6, 5)}, {'scales': np.float32([1, 1, 2, 2])}, domain='', order=['x', '', 'scales'], mode='linear')
# Blends of whole steps lie in the middle between two steps very often.
nodes = [
    helper.make_node('DequantizeLinear', ['x', 's', 'z'], ['a']),
    helper.make_node('Resize', ['a', '', 'scales'], ['b'], mode='linear'),
    helper.make_node('QuantizeLinear', ['b', 's', 'z'], ['y']),
]
network('Resize of quantized images', nodes, {'x': u8(1, 5, 7, 6)}, {'s': np.float32(0.0176), 'z': np.uint8(93), 'scales': np.float32([1, 1, 2, 2])})

nodes = [
    helper.make_node('QuantizeLinear', ['x', 's', 'z'], ['a'], domain='com.microsoft'),
    helper.make_node('DequantizeLinear', ['a', 's', 'z'], ['b'], domain='com.microsoft'),
    helper.make_node('Conv', ['b', 'w'], ['c']),
    helper.make_node('QuantizeLinear', ['c', 's', 'z'], ['d'], domain='com.microsoft'),
    helper.make_node('DequantizeLinear', ['d', 's', 'z'], ['e'], domain='com.microsoft'),
    helper.make_node('MaxPool', ['e'], ['y'], kernel_shape=[2, 2]),
]
network('activations of 16 bits', nodes, {'x': floats(1, 3, 6, 5)}, {'s': np.float32(6e-5), 'z': np.uint16(30000), 'w': floats(4, 3, 2, 2)})

case('MatMulNBits, rows in blocks of their own', 'MatMulNBits', {'x': floats(3, 64)}, {'w': u8(6, 2, 16), 's': floats(12), 'g': i32(random.integers(0, 2, 64))}, order=['x', 'w', 's', '', 'g'], K=64, N=6, bits=4, block_size=32)

for kind, bits, zeros in [('uint8', 4, False), ('uint8', 4, True), ('uint8', 8, False), ('uint8', 8, True), ('int4', 4, False), ('uint4', 4, True)]:
    width = 48 * bits // 8 if kind == 'uint8' else 48
    table = u8(10, width) if kind == 'uint8' else random.integers(-8 if kind == 'int4' else 0, 8, (10, 48)).astype(getattr(ml_dtypes, kind))
    constants = {'w': table, 's': floats(10, 3)}
    if zeros:
        constants['z'] = u8(10, -(-3 * bits // 8)) if kind == 'uint8' else random.integers(0, 8, (10, 3)).astype(getattr(ml_dtypes, kind))
    order = ['w', 'ids', 's', *(['z'] if zeros else [])]
    case(f'GatherBlockQuantized, {kind} of {bits} bits, zero points {zeros}', 'GatherBlockQuantized', {'ids': i64([[1, 9, 0]])}, constants, order=order, block_size=16, bits=bits, gather_axis=0, quantize_axis=1)

constants = {'words': u8(9, 8), 'places': u8(6, 8), 'kinds': u8(2, 8), 'gamma': u8(8), 'beta': u8(8)}
for key in list(constants):
    constants |= {f'{key}s': np.float32(random.uniform(0.01, 0.03)), f'{key}z': np.uint8(random.integers(100, 150))}
tables = ['words', 'places', 'kinds', 'gamma', 'beta']
order = ['ids', 'segments', *tables, 'mask', *[f'{key}s' for key in tables], *[f'{key}z' for key in tables]]
case('QEmbedLayerNormalization', 'QEmbedLayerNormalization', ids, constants, order=order, outputs=('y', 'count'), epsilon=1e-5)

q, k, v = floats(2, 5, 64), floats(2, 5, 32), floats(2, 5, 32)
tables = {'cos': floats(12, 8), 'sin': floats(12, 8)}
order = ['q', 'k', 'v', 'pk', 'pv', 'last', 'total', 'cos', 'sin']
heads = {'num_heads': 4, 'kv_num_heads': 2, 'outputs': ('y', 'presentK', 'presentV'), 'order': order}
prompt = {'q': q, 'k': k, 'v': v, 'pk': floats(2, 2, 0, 16), 'pv': floats(2, 2, 0, 16), 'last': i32([4, 4])}
total = {'total': i32([5])}
case('GroupQueryAttention, a prompt', 'GroupQueryAttention', prompt, {**total, **tables}, do_rotary=1, **heads)
bare = {**heads, 'order': ['q', 'k', 'v', '', '', 'last', 'total']}
del prompt['pk'], prompt['pv']
case('GroupQueryAttention, no positions', 'GroupQueryAttention', prompt, total, scale=0.3, **bare)
case('GroupQueryAttention, a window and a soft cap', 'GroupQueryAttention', prompt, total, local_window_size=2, softcap=1.5, **bare)
case('GroupQueryAttention, smooth', 'GroupQueryAttention', prompt, total, smooth_softmax=1, **bare)
case('GroupQueryAttention, with sinks', 'GroupQueryAttention', prompt, {**total, 'sink': floats(4)}, **{**bare, 'order': ['q', 'k', 'v', '', '', 'last', 'total', '', '', '', '', 'sink']})
case('GroupQueryAttention, biased', 'GroupQueryAttention', {**prompt, 'bias': floats(2, 1, 5, 5)}, total, softcap=2.0, **{**bare, 'order': ['q', 'k', 'v', '', '', 'last', 'total', '', '', '', 'bias']})
case('GroupQueryAttention, packed and interleaved', 'GroupQueryAttention', {'q': floats(2, 5, 128), 'last': i32([4, 4])}, {**total, **tables}, do_rotary=1, rotary_interleaved=1, **{**heads, 'order': ['q', '', '', '', '', 'last', 'total', 'cos', 'sin']})
one = {'q': floats(1, 1, 64), 'k': floats(1, 1, 32), 'v': floats(1, 1, 32), 'pk': floats(1, 2, 6, 16), 'pv': floats(1, 2, 6, 16), 'last': i32([6])}
case('GroupQueryAttention, one more token', 'GroupQueryAttention', one, {'total': i32([7]), **tables}, do_rotary=1, **heads)
two = {'q': floats(2, 1, 64), 'k': floats(2, 1, 32), 'v': floats(2, 1, 32), 'pk': floats(2, 2, 6, 16), 'pv': floats(2, 2, 6, 16), 'last': i32([6, 3])}
# Behind the end of a row, ONNX Runtime's caches hold anything; where it is not asked for them, it forgets those of earlier calls.
case('GroupQueryAttention, rows of unequal length', 'GroupQueryAttention', two, {'total': i32([7]), **tables}, do_rotary=1, compared=('y',), **heads)
case('GroupQueryAttention, three more tokens', 'GroupQueryAttention', {'q': floats(1, 3, 64), 'k': floats(1, 3, 32), 'v': floats(1, 3, 32), 'pk': floats(1, 2, 4, 16), 'pv': floats(1, 2, 4, 16), 'last': i32([6])}, {'total': i32([7]), **tables}, do_rotary=1, local_window_size=4, **heads)

# Rounds until a sum is large enough, at most 6: x, doubled and kept of each round.
body = helper.make_graph(
    [
        helper.make_node('Mul', ['a', 'two'], ['b']),
        helper.make_node('ReduceSum', ['b'], ['sum'], keepdims=0),
        helper.make_node('Less', ['sum', 'limit'], ['again']),
        helper.make_node('Identity', ['b'], ['each']),
    ],
    'body',
    [helper.make_tensor_value_info('i', 7, []), helper.make_tensor_value_info('go', 9, []), helper.make_tensor_value_info('a', 1, [3])],
    [helper.make_tensor_value_info('again', 9, []), helper.make_tensor_value_info('b', 1, [3]), helper.make_tensor_value_info('each', 1, [3])],
)
nodes = [
    helper.make_node('ReduceSum', ['x'], ['first'], keepdims=0),
    helper.make_node('Less', ['first', 'limit'], ['go']),
    helper.make_node('Loop', ['trips', 'go', 'x'], ['last', 'all'], body=body),
    helper.make_node('Add', ['last', 'two'], ['y']),
    helper.make_node('ReduceMax', ['all'], ['most'], axes=[0], keepdims=0),
]
for limit in (0.5, 5, 1e9):
    inputs = {'x': np.float32([0.2, 0.5, 0.1]), 'limit': np.array(limit, np.float32)}
    outputs = ('y', 'all', 'most') if limit > 1 else ('y',)
    network(f'Loop until a sum is {limit}', nodes, inputs, {'trips': np.int64(6), 'two': np.float32(2)}, outputs)

# Bytes in, bytes out, as models that were converted from TFLite have them; padding is a node of its own.
for kind in (np.uint8, np.int8):
    zero = kind(-3) if kind == np.int8 else kind(125)
    nodes = [
        helper.make_node('DequantizeLinear', ['x', 's', 'z'], ['a']),
        helper.make_node('Pad', ['a', 'pads'], ['b']),
        helper.make_node('QuantizeLinear', ['b', 's', 'z'], ['c']),
        helper.make_node('DequantizeLinear', ['c', 's', 'z'], ['d']),
        helper.make_node('DequantizeLinear', ['w', 'ws'], ['dw']),
        helper.make_node('Conv', ['d', 'dw'], ['e'], strides=[2, 2]),
        helper.make_node('QuantizeLinear', ['e', 'ys', 'z'], ['y']),
    ]
    x = u8(1, 3, 8, 7) if kind == np.uint8 else i8(1, 3, 8, 7)
    constants = {'s': np.float32(0.02), 'z': zero, 'pads': i64([0, 0, 0, 1, 0, 0, 1, 1]), 'w': i8(4, 3, 3, 3), 'ws': np.float32(0.01), 'ys': np.float32(0.08)}
    network(f'bytes at the border: {kind.__name__}', nodes, {'x': x}, constants)

# Numbers of 4 bits in bytes, as Brevitas writes them: limited after they are quantized, or when they come.
nodes = [
    helper.make_node('QuantizeLinear', ['x', 's', 'z'], ['a']),
    helper.make_node('Clip', ['a', 'low', 'high'], ['b']),
    helper.make_node('DequantizeLinear', ['b', 's', 'z'], ['c']),
    helper.make_node('Clip', ['bytes', 'low', 'high'], ['d']),
    helper.make_node('DequantizeLinear', ['d', 's', 'z'], ['e']),
    helper.make_node('Mul', ['c', 'e'], ['f']),
    helper.make_node('QuantizeLinear', ['f', 's', 'z'], ['g']),
    helper.make_node('Clip', ['g', 'low', 'high'], ['h']),
    helper.make_node('DequantizeLinear', ['h', 's', 'z'], ['y']),
]
network('numbers of 4 bits in bytes', nodes, {'x': floats(4, 9), 'bytes': i8(4, 9)}, {'s': np.float32(0.2), 'z': np.int8(1), 'low': np.int8(-8), 'high': np.int8(7)})

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, 'contrib.json'), 'w') as file:
    file.write('[\n' + ',\n'.join(json.dumps(one) for one in cases) + '\n]\n')
