"""Writes models/*.onnx and models/golden.json: small networks that onnxruntime.quantization quantized, and what ONNX Runtime computes with them on x86.

pip install onnx==1.23.2 onnxruntime==1.32.0 && python models.py
"""
import base64
import json
import os
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'models')
random = np.random.default_rng(5)
node = helper.make_node


def weights(*shape):
    return (random.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)


def filters(count, depth, size):
    return (random.normal(size=(count, depth, size, size)) / np.sqrt(depth * size * size)).astype(np.float32)


def network(nodes, constants, x, y):
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    ports = [[helper.make_tensor_value_info(name, *(kind or [TensorProto.FLOAT]), shape)] for name, shape, *kind in (x, y)]
    graph = helper.make_graph(nodes, 'network', *ports, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


def mlp():
    nodes = [
        node('Gemm', ['x', 'w1', 'b1'], ['a']),
        node('Relu', ['a'], ['b']),
        node('MatMul', ['b', 'w2'], ['c']),
        node('Add', ['c', 'b2'], ['y']),
    ]
    constants = {'w1': weights(21, 19), 'b1': weights(19), 'w2': weights(19, 10), 'b2': weights(10)}
    return network(nodes, constants, ('x', [3, 21]), ('y', [3, 10]))


def lstm(direction='bidirectional', units=6):
    nodes = [
        node('LSTM', ['x', 'w', 'r', 'b'], ['all', 'h', 'c'], hidden_size=units, direction=direction),
        node('Transpose', ['h'], ['t'], perm=[1, 0, 2]),
        node('Reshape', ['t', 'shape'], ['s']),
        node('MatMul', ['s', 'wo'], ['y']),
    ]
    constants = {
        'w': weights(2, 4 * units, 5),
        'r': weights(2, 4 * units, units) * 2,
        'b': weights(2, 8 * units),
        'shape': np.array([2, 2 * units], np.int64),
        'wo': weights(2 * units, 4),
    }
    return network(nodes, constants, ('x', [7, 2, 5]), ('y', [2, 4]))


def images():
    nodes = [
        node('Conv', ['x', 'k1', 'c1'], ['a'], pads=[1, 1, 1, 1]),
        node('LeakyRelu', ['a'], ['b'], alpha=0.1),
        node('Conv', ['b', 'k2', 'c2'], ['c'], pads=[1, 1, 1, 1], strides=[1, 1]),
        node('Sigmoid', ['c'], ['d']),
        node('Mul', ['b', 'd'], ['e']),
        node('Add', ['e', 'a'], ['f']),
        node('Concat', ['f', 'b'], ['g'], axis=1),
        node('AveragePool', ['g'], ['p'], kernel_shape=[2, 2], strides=[2, 2]),
        node('MaxPool', ['p'], ['q'], kernel_shape=[2, 2], strides=[2, 2]),
        node('Conv', ['q', 'k3'], ['r'], group=12, pads=[1, 1, 1, 1]),
        node('GlobalAveragePool', ['r'], ['s']),
        node('Flatten', ['s'], ['t']),
        node('Gemm', ['t', 'w', 'b3'], ['u'], transB=1),
        node('Softmax', ['u'], ['y'], axis=1),
    ]
    constants = {
        'k1': filters(6, 3, 3),
        'c1': weights(6),
        'k2': filters(6, 6, 3),
        'c2': weights(6),
        'k3': filters(12, 1, 3),
        'w': weights(10, 12) * 3,
        'b3': weights(10),
    }
    return network(nodes, constants, ('x', [1, 3, 12, 12]), ('y', [1, 10]))


def embedding(words=300, width=24):
    nodes = [
        node('Gather', ['table', 'x'], ['e']),
        node('ReduceMean', ['e'], ['m'], axes=[1], keepdims=0),
        node('MatMul', ['m', 'w'], ['y']),
    ]
    constants = {'table': weights(words, width) * 9, 'w': weights(width, 6)}
    return network(nodes, constants, ('x', [2, 5], TensorProto.INT64), ('y', [2, 6]))


def transformer(width=16, heads=2, length=5):
    nodes = []
    constants = {
        'split': np.array([width] * 3, np.int64),
        'heads': np.array([1, length, heads, width // heads], np.int64),
        'joined': np.array([1, length, width], np.int64),
        'scale': np.array(1 / np.sqrt(width // heads), np.float32),
        'g1': 1 + weights(width),
        'z1': weights(width),
        'g2': 1 + weights(width),
        'z2': weights(width),
        'wq': weights(width, 3 * width),
        'bq': weights(3 * width),
        'wo': weights(width, width),
        'w1': weights(width, 4 * width),
        'b1': weights(4 * width),
        'w2': weights(4 * width, width),
        'half': np.array(0.5, np.float32),
        'one': np.array(1, np.float32),
        'root': np.array(np.sqrt(2), np.float32),
    }
    nodes += [
        node('LayerNormalization', ['x', 'g1', 'z1'], ['n']),
        node('MatMul', ['n', 'wq'], ['qkv0']),
        node('Add', ['qkv0', 'bq'], ['qkv']),
        node('Split', ['qkv', 'split'], ['q0', 'k0', 'v0'], axis=2),
    ]
    for name, perm in (('q', [0, 2, 1, 3]), ('k', [0, 2, 3, 1]), ('v', [0, 2, 1, 3])):
        nodes += [
            node('Reshape', [f'{name}0', 'heads'], [f'{name}1']),
            node('Transpose', [f'{name}1'], [name], perm=perm),
        ]
    nodes += [
        node('MatMul', ['q', 'k'], ['s0']),
        node('Mul', ['s0', 'scale'], ['s1']),
        node('Softmax', ['s1'], ['s'], axis=-1),
        node('MatMul', ['s', 'v'], ['o0']),
        node('Transpose', ['o0'], ['o1'], perm=[0, 2, 1, 3]),
        node('Reshape', ['o1', 'joined'], ['o2']),
        node('MatMul', ['o2', 'wo'], ['o']),
        node('Add', ['x', 'o'], ['r']),
        node('LayerNormalization', ['r', 'g2', 'z2'], ['m']),
        node('MatMul', ['m', 'w1'], ['h0']),
        node('Add', ['h0', 'b1'], ['h']),
        node('Div', ['h', 'root'], ['e0']),
        node('Erf', ['e0'], ['e1']),
        node('Add', ['e1', 'one'], ['e2']),
        node('Mul', ['h', 'e2'], ['e3']),
        node('Mul', ['e3', 'half'], ['e']),
        node('MatMul', ['e', 'w2'], ['f']),
        node('Add', ['r', 'f'], ['y']),
    ]
    return network(nodes, constants, ('x', [1, length, width]), ('y', [1, length, width]))


def drawn(rows, kind, shape):
    return rows.integers(0, 300, shape) if kind == TensorProto.INT64 else rows.normal(size=shape).astype(np.float32)


class Rows(CalibrationDataReader):
    def __init__(self, kind, shape):
        rows = np.random.default_rng(1)
        self.rows = iter([{'x': drawn(rows, kind, shape)} for _ in range(8)])

    def get_next(self):
        return next(self.rows, None)


def record(array):
    data = np.ascontiguousarray(array, np.int32 if array.dtype == np.int64 else np.float32)
    return {'dtype': str(data.dtype), 'shape': list(data.shape), 'data': base64.b64encode(data.tobytes()).decode()}


golden = []


def step(model):
    '''What models may differ by, as a tie may be rounded otherwise: of an LSTM, a step of its hidden state.'''
    return 2 / 255 if any(n.op_type == 'DynamicQuantizeLSTM' for n in model.graph.node) else 0


def keep(name, path):
    model = onnx.load(path)
    session = ort.InferenceSession(path)
    port = model.graph.input[0].type.tensor_type
    for batch in range(2):
        x = drawn(np.random.default_rng(batch + 50), port.elem_type, session.get_inputs()[0].shape)
        (y,) = session.run(None, {'x': x})
        golden.append({'name': name, 'step': step(model), 'input': record(x), 'output': record(y)})
    model.ClearField('metadata_props')
    del model.graph.value_info[:]
    onnx.save(model, os.path.join(here, name + '.onnx'))


with tempfile.TemporaryDirectory() as folder:
    for name, build in {'mlp': mlp, 'lstm': lstm, 'images': images, 'transformer': transformer, 'embedding': embedding}.items():
        source, target = os.path.join(folder, name), os.path.join(folder, name + '_quantized')
        onnx.save(build(), source)
        for kind, per_channel in (('QInt8', True), ('QUInt8', False)):
            quantize_dynamic(source, target, per_channel=per_channel, weight_type=getattr(QuantType, kind))
            keep(f'{name}_dynamic_{kind}', target)
        if name == 'lstm':
            continue
        port = onnx.load(source).graph.input[0].type.tensor_type
        shape = [d.dim_value for d in port.shape.dim]
        for layout, kinds in (('QDQ', ('QInt8', 'QInt8')), ('QOperator', ('QUInt8', 'QInt8')), ('QOperator', ('QUInt8', 'QUInt8'))):
            activations, own = (getattr(QuantType, kind) for kind in kinds)
            options = {'extra_options': {'ForceQuantizeNoInputCheck': True}}
            quantize_static(
                source,
                target,
                Rows(port.elem_type, shape),
                quant_format=getattr(QuantFormat, layout),
                per_channel=kinds[1] == 'QInt8',
                activation_type=activations,
                weight_type=own,
                **options,
            )
            keep(f'{name}_{layout}_{"_".join(kinds)}', target)

with open(os.path.join(here, 'golden.json'), 'w') as file:
    json.dump(golden, file, indent=1)
    file.write('\n')
