"""Writes test models with what TFLite's reference kernels compute for them, and puts them into models/golden.json in place of those of their name.

pip install tensorflow-cpu==2.21.0 && python models.py
"""
import base64
import json
import os
import struct

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
import flatbuffers
import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.interpreter import Interpreter, OpResolverType

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'models')
TYPES = {
    'f32': (schema.TensorType.FLOAT32, np.float32),
    'i8': (schema.TensorType.INT8, np.int8),
    'u8': (schema.TensorType.UINT8, np.uint8),
    'i16': (schema.TensorType.INT16, np.int16),
    'i32': (schema.TensorType.INT32, np.int32),
    'i64': (schema.TensorType.INT64, np.int64),
    'bool': (schema.TensorType.BOOL, np.bool_),
}


class Model:
    """A TFLite file of one subgraph, operator by operator."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = 'thimble test'
        self.model.operatorCodes = []
        self.model.buffers = [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.name = 'main'
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, kind='f32', scale=None, zero=0, data=None, name=None, input=False, variable=False, axis=0):
        tensor = schema.TensorT()
        tensor.name = (name or f't{len(self.graph.tensors)}').encode()
        tensor.shape = [int(extent) for extent in shape]
        tensor.type = TYPES[kind][0]
        tensor.buffer = 0
        tensor.isVariable = variable
        if scale is not None:
            scales = np.atleast_1d(np.array(scale, np.float32))
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = np.full(len(scales), zero, np.int64)
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(np.array(data, TYPES[kind][1])).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        index = len(self.graph.tensors) - 1
        if input:
            self.graph.inputs.append(index)
        return index

    def op(self, name, inputs, outputs, options=None, intermediates=None, version=1, **fields):
        code = getattr(schema.BuiltinOperator, name)
        operator = self._operator(code, b'', inputs, outputs, version)
        if intermediates:
            operator.intermediates = intermediates
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, options + 'T')()
            for field, value in fields.items():
                assert hasattr(operator.builtinOptions, field), field
                setattr(operator.builtinOptions, field, value)

    def op2(self, code, inputs, outputs, options=None, **fields):
        """An operator whose options are of the second union."""
        operator = self._operator(getattr(schema.BuiltinOperator, code), b'', inputs, outputs, 1)
        if options:
            operator.builtinOptions2Type = getattr(schema.BuiltinOptions2, options)
            operator.builtinOptions2 = getattr(schema, options + 'T')()
            for field, value in fields.items():
                assert hasattr(operator.builtinOptions2, field), field
                setattr(operator.builtinOptions2, field, value)

    def custom(self, name, inputs, outputs, options):
        self._operator(schema.BuiltinOperator.CUSTOM, name.encode(), inputs, outputs, 1).customOptions = np.frombuffer(options, np.uint8)

    def _operator(self, code, custom, inputs, outputs, version):
        entry = schema.OperatorCodeT()
        entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), version
        if custom:
            entry.customCode = custom
        self.model.operatorCodes.append(entry)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        self.graph.operators.append(operator)
        return operator

    def bytes(self, *outputs):
        self.graph.outputs = list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b'TFL3')
        return bytes(builder.Output())


golden = {}


def entry(name, array):
    data = np.ascontiguousarray(array)
    return {'name': name, 'dtype': str(data.dtype), 'shape': list(np.shape(array)), 'data': base64.b64encode(data.tobytes()).decode()}


def keep(name, file, steps):
    with open(os.path.join(here, name + '.tflite'), 'wb') as out:
        out.write(file)
    golden[name] = {'name': name, 'steps': steps}


def record(name, file, feeds):
    """Runs `file` in the reference interpreter, a step for each list of inputs."""
    resolver = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=file, experimental_op_resolver_type=resolver, num_threads=1)
    interpreter.allocate_tensors()
    steps = []
    for feed in feeds:
        inputs = [entry(detail['name'], value) for detail, value in zip(interpreter.get_input_details(), feed)]
        for detail, value in zip(interpreter.get_input_details(), feed):
            interpreter.set_tensor(detail['index'], value)
        interpreter.invoke()
        outputs = [entry(detail['name'], interpreter.get_tensor(detail['index'])) for detail in interpreter.get_output_details()]
        steps.append({'inputs': inputs, 'outputs': outputs})
    keep(name, file, steps)


def detections(name, boxes, classes, options, background=1, kind='f32', width=4):
    """TFLite_Detection_PostProcess; where nothing is found TFLite leaves its outputs as they were, so something is."""
    random = np.random.default_rng(boxes + classes)
    model = Model()
    anchors = np.stack([random.uniform(0, 1, boxes), random.uniform(0, 1, boxes), *random.uniform(0.1, 0.5, (2, boxes))], 1)
    if kind == 'f32':
        inputs = [model.tensor([1, boxes, width], input=True), model.tensor([1, boxes, classes + background], input=True)]
        inputs.append(model.tensor([boxes, 4], data=anchors))
    else:
        inputs = [
            model.tensor([1, boxes, width], 'u8', 0.03, 128, input=True),
            model.tensor([1, boxes, classes + background], 'u8', 1 / 256, 0, input=True),
            model.tensor([boxes, 4], 'u8', 1 / 200, 3, data=(anchors * 200 + 3).astype(np.uint8)),
        ]
    total = options['max_detections'] * options['max_classes_per_detection']
    shapes = {'boxes': [1, total, 4], 'classes': [1, total], 'scores': [1, total], 'count': [1]}
    outputs = [model.tensor(shape, name=output) for output, shape in shapes.items()]
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in options.items():
            {bool: builder.Bool, int: builder.Int, float: builder.Float}[type(value)](key, value)
    model.custom('TFLite_Detection_PostProcess', inputs, outputs, bytes(builder.Finish()))
    feeds = []
    for _ in range(3):
        if kind == 'f32':
            scores = random.uniform(0, 1, (1, boxes, classes + background)) ** 3
            feeds.append([random.uniform(-2, 2, (1, boxes, width)).astype(np.float32), scores.astype(np.float32)])
        else:
            feeds.append([random.integers(0, 256, shape).astype(np.uint8) for shape in ((1, boxes, width), (1, boxes, classes + background))])
    record(name, model.bytes(*outputs), feeds)


ssd = {
    'max_detections': 10,
    'max_classes_per_detection': 1,
    'nms_score_threshold': 0.3,
    'nms_iou_threshold': 0.5,
    'num_classes': 5,
    'y_scale': 10.0,
    'x_scale': 10.0,
    'h_scale': 5.0,
    'w_scale': 5.0,
}
detections('SSD_fast_f32', 60, 5, ssd)
detections('SSD_fast3_f32', 40, 5, {**ssd, 'max_classes_per_detection': 3, 'use_regular_nms': False}, background=0)
detections('SSD_fast_u8', 50, 6, {**ssd, 'num_classes': 6, 'nms_iou_threshold': 0.3}, kind='u8')
detections('SSD_regular_f32', 60, 5, {**ssd, 'use_regular_nms': True, 'detections_per_class': 4, 'max_detections': 7})
detections('SSD_regular_u8', 50, 6, {**ssd, 'num_classes': 6, 'use_regular_nms': True, 'max_detections': 12}, kind='u8')
detections('SSD_few_f32', 4, 5, {**ssd, 'nms_score_threshold': 0.0, 'max_detections': 6, 'use_regular_nms': True}, width=6)

for i, (padding, strides, activation, biased) in enumerate([(0, (1, 1, 1), 0, True), (1, (2, 1, 2), 1, True), (0, (2, 2, 2), 3, False)]):
    random = np.random.default_rng(i)
    model = Model()
    inputs = [model.tensor([2, 5, 6, 7, 3], input=True), model.tensor([3, 2, 3, 3, 4], data=random.normal(size=(3, 2, 3, 3, 4)) / 5)]
    if biased:
        inputs.append(model.tensor([4], data=random.normal(size=4)))
    y = model.tensor([1])
    fields = dict(zip(('strideD', 'strideH', 'strideW'), strides))
    dilations = {'dilationDFactor': 1, 'dilationHFactor': 1, 'dilationWFactor': 1}
    model.op('CONV_3D', inputs, [y], 'Conv3DOptions', padding=padding, fusedActivationFunction=activation, **fields, **dilations)
    record(f'CONV_3D_f32_{i}', model.bytes(y), [[random.uniform(-3, 3, (2, 5, 6, 7, 3)).astype(np.float32)]])

for i, (size, to, aligned, half) in enumerate([((3, 4), (7, 9), False, False), ((5, 4), (9, 7), True, False), ((4, 5), (9, 3), False, True)]):
    random = np.random.default_rng(i)
    model = Model()
    x, extents = model.tensor([1, *size, 3], 'i16', 0.01, input=True), model.tensor([2], 'i32', data=to)
    y = model.tensor([1, *to, 3], 'i16', 0.01)
    model.op('RESIZE_BILINEAR', [x, extents], [y], 'ResizeBilinearOptions', alignCorners=aligned, halfPixelCenters=half)
    feeds = [[random.integers(-32768, 32768, (1, *size, 3)).astype(np.int16)] for _ in range(2)]
    record(f'RESIZE_BILINEAR_i16_{i}', model.bytes(y), feeds)

# Weights that need nine bits without their zero point, dilated and with several filters a channel.
for i, (padding, strides, dilations, multiplier) in enumerate([(0, (1, 1), (2, 1), 2), (0, (1, 1), (3, 2), 1), (1, (1, 1), (2, 2), 3), (0, (2, 2), (1, 1), 2)]):
    random = np.random.default_rng(i)
    model = Model()
    filters = 5 * multiplier
    weights = random.integers(0, 256, (1, 3, 2, filters)).astype(np.uint8)
    inputs = [
        model.tensor([2, 9, 8, 5], 'u8', 0.02, 131, input=True),
        model.tensor(weights.shape, 'u8', 0.01, 90 + 40 * i, data=weights),
        model.tensor([filters], 'i32', 0.0002, data=random.integers(-5000, 5000, filters)),
    ]
    y = model.tensor([1], 'u8', 0.05, 120)
    fields = {'strideH': strides[0], 'strideW': strides[1], 'dilationHFactor': dilations[0], 'dilationWFactor': dilations[1]}
    model.op('DEPTHWISE_CONV_2D', inputs, [y], 'DepthwiseConv2DOptions', version=2, padding=padding, depthMultiplier=multiplier, **fields)
    record(f'depthwise_wide_u8_{i}', model.bytes(y), [[random.integers(0, 256, (2, 9, 8, 5)).astype(np.uint8)] for _ in range(2)])

# MediaPipe's operators, which TFLite's interpreter does not have: recorded with TensorFlow's own of the same meaning.
SAME, VALID = 1, 2


def pool_options(padding, strides, window, activation=0):
    return struct.pack('<6i', padding, strides[1], strides[0], window[1], window[0], activation) + bytes(16)


for i, (size, window, padding) in enumerate([((4, 6), (2, 2), SAME), ((5, 7), (3, 2), VALID), ((5, 5), (2, 2), SAME)]):
    random = np.random.default_rng(i)
    model = Model()
    x = model.tensor([2, *size, 3], input=True)
    value, index = model.tensor([1], name='value'), model.tensor([1], name='index')
    model.custom('MaxPoolingWithArgmax2D', [x], [value, index], pool_options(padding, window, window))
    image = random.normal(size=(2, *size, 3)).astype(np.float32)
    names = {SAME: 'SAME', VALID: 'VALID'}
    best, flat = tf.nn.max_pool_with_argmax(image, window, window, names[padding], include_batch_in_index=False)
    flat = flat.numpy()
    rows, columns = flat // (3 * size[1]), flat // 3 % size[1]
    # Padding of these sizes is behind the image alone, so that windows start at multiples of their extents.
    tap = (rows % window[0]) * window[1] + columns % window[1]
    outputs = [entry('value', best.numpy()), entry('index', (tap + 0.1).astype(np.float32))]
    keep(f'MEDIAPIPE_MAX_POOL_{i}', model.bytes(value, index), [{'inputs': [entry('t0', image)], 'outputs': outputs}])

for i, window in enumerate([(2, 2), (3, 2)]):
    random = np.random.default_rng(i)
    model = Model()
    x, index = model.tensor([2, 3, 4, 5], input=True, name='x'), model.tensor([2, 3, 4, 5], input=True, name='index')
    y = model.tensor([1], name='y')
    model.custom('MaxUnpooling2D', [x, index], [y], pool_options(SAME, window, window))
    image = random.normal(size=(2, 3, 4, 5)).astype(np.float32)
    tap = random.integers(0, window[0] * window[1], (2, 3, 4, 5))
    hot = tf.one_hot(tap, window[0] * window[1]).numpy() * image[..., None]
    whole = hot.reshape(2, 3, 4, 5, *window).transpose(0, 1, 4, 2, 5, 3).reshape(2, 3 * window[0], 4 * window[1], 5)
    inputs = [entry('x', image), entry('index', (tap + 0.1).astype(np.float32))]
    keep(f'MEDIAPIPE_UNPOOL_{i}', model.bytes(y), [{'inputs': inputs, 'outputs': [entry('y', whole)]}])

for i, (padding, strides, window) in enumerate([(SAME, (2, 2), (3, 3)), (VALID, (2, 1), (2, 3)), (SAME, (2, 2), (2, 2)), (SAME, (3, 2), (5, 4))]):
    random = np.random.default_rng(i)
    model = Model()
    filters, bias = random.normal(size=(4, *window, 3)).astype(np.float32), random.normal(size=4).astype(np.float32)
    inputs = [model.tensor([2, 4, 5, 3], input=True, name='x'), model.tensor(filters.shape, data=filters), model.tensor([4], data=bias)]
    y = model.tensor([1], name='y')
    model.custom('Convolution2DTransposeBias', inputs, [y], struct.pack('<3i', padding, strides[1], strides[0]))
    image = random.normal(size=(2, 4, 5, 3)).astype(np.float32)
    cut = [max(0, window[k] - (size - 1) % strides[k] - 1) if padding == SAME else 0 for k, size in enumerate((4, 5))]
    shape = [strides[k] * (size - 1) + window[k] - cut[k] for k, size in enumerate((4, 5))]
    turned = filters.transpose(1, 2, 0, 3)
    full = tf.nn.conv2d_transpose(image, turned, [2, *(strides[k] * (s - 1) + window[k] for k, s in enumerate((4, 5))), 4], strides, 'VALID')
    top, left = cut[0] // 2, cut[1] // 2
    want = full.numpy()[:, top : top + shape[0], left : left + shape[1]] + bias
    keep(f'MEDIAPIPE_TRANSPOSE_CONV_{i}', model.bytes(y), [{'inputs': [entry('x', image)], 'outputs': [entry('y', want)]}])

# What tf.signal.stft becomes: complex numbers are moved between the transform and their magnitude.
@tf.function(input_signature=[tf.TensorSpec([1, 160], tf.float32)])
def spectrogram(x):
    frames = tf.signal.stft(x, 64, 32)
    return tf.abs(frames), tf.math.real(tf.reshape(frames, [4, 33])), tf.math.imag(tf.expand_dims(frames, 1))


content = tf.lite.TFLiteConverter.from_concrete_functions([spectrogram.get_concrete_function()]).convert()
record('flow_stft', content, [[np.random.default_rng(i).normal(size=(1, 160)).astype(np.float32)] for i in range(2)])

# Dynamic range: a transposed convolution of floats with 8-bit filters.
grown = tf.constant(np.random.default_rng(5).normal(size=(3, 3, 8, 16)).astype(np.float32))


@tf.function(input_signature=[tf.TensorSpec([2, 4, 5, 16], tf.float32)])
def upsampled(x):
    return tf.nn.conv2d_transpose(x, grown, [2, 8, 10, 8], 2, 'SAME')


converter = tf.lite.TFLiteConverter.from_concrete_functions([upsampled.get_concrete_function()])
converter.optimizations = [tf.lite.Optimize.DEFAULT]
record('flow_transpose_conv_dynamic', converter.convert(), [[np.random.default_rng(6).normal(size=(2, 4, 5, 16)).astype(np.float32)]])



def single(name, op, inputs, output, options=None, feeds=2, seed=0, **fields):
    """One operator. Inputs are what `Model.tensor` takes, with `low` and `high` where they are fed and `data` where they are constants."""
    random = np.random.default_rng(seed)
    model = Model()
    fed, places = [], []
    for given in inputs:
        low, high = given.pop('low', None), given.pop('high', None)
        if given.get('data') is None:
            kind = TYPES[given.get('kind', 'f32')][1]
            fed.append(lambda low=low, high=high, shape=given['shape'], kind=kind: random.integers(low, high, shape).astype(kind))
            places.append(model.tensor(**given, input=True))
        else:
            places.append(model.tensor(**given))
    y = model.tensor(**output)
    model.op(op, places, [y], options, **fields)
    record(name, model.bytes(y), [[one() for one in fed] for _ in range(feeds)])


def bytes_of(kind, shape, scale=None, zero=0, low=None, high=None):
    limits = np.iinfo(TYPES[kind][1])
    return dict(shape=shape, kind=kind, scale=scale, zero=zero, low=limits.min if low is None else low, high=limits.max + 1 if high is None else high)


def quantized(kind, shape, scale, zero=0, data=None):
    return dict(shape=shape, kind=kind, scale=scale, zero=zero, data=data)


# Functions of 16-bit numbers, and of bytes where the reference rounds towards 0 or takes them as they are.
for op, low, scale, to in [
    ('ABS', None, 0.001, 0.0017),
    ('NEG', None, 0.001, 0.002),
    ('SQRT', 0, 0.003, 0.0004),
    ('RSQRT', 1, 0.0002, 0.0003),
    ('LOG', 1, 0.0003, 0.0004),
    ('EXP', None, 0.0001, 0.001),
    ('GELU', None, 0.0002, 0.00015),
]:
    single(f'{op}_i16_0', op, [bytes_of('i16', [600], scale, low=low)], quantized('i16', [600], to), 'GeluOptions' if op == 'GELU' else None)
single('GELU_i16_1', 'GELU', [bytes_of('i16', [600], 0.0002)], quantized('i16', [600], 0.0002), 'GeluOptions', approximate=True)
single('SQRT_i8_0', 'SQRT', [bytes_of('i8', [300], 0.05, -128)], quantized('i8', [300], 0.02, -100))
single('NEG_i8_1', 'NEG', [bytes_of('i8', [300], 0.05, -10)], quantized('i8', [300], 0.03, -25))
for kind in ('i8', 'i16'):
    single(f'LEAKY_falling_{kind}', 'LEAKY_RELU', [bytes_of(kind, [300], 0.01)], quantized(kind, [300], 0.013), 'LeakyReluOptions', alpha=-0.7)

# Rows of one, of many and of a large number of elements.
for kind, zero in [('i8', 0), ('u8', 128)]:
    for i, (shape, own) in enumerate([([40, 7], 11), ([3, 513], 90), ([2, 3, 1], 3)]):
        single(f'L2NORM_rows_{kind}_{i}', 'L2_NORMALIZATION', [bytes_of(kind, shape, 0.05, own)], quantized(kind, shape, 1 / 128, zero), 'L2NormOptions')

for kind, zero in [('i8', -128), ('u8', 0)]:
    a, b = bytes_of(kind, [40, 9], 0.02, zero + 30), bytes_of(kind, [9], 0.03, zero, low=zero + 1)
    single(f'DIV_{kind}_1', 'DIV', [{**a, 'low': zero + 60}, b], quantized(kind, [40, 9], 0.15, zero + 20), 'DivOptions', fusedActivationFunction=1)
for op in ('FLOOR_DIV', 'FLOOR_MOD'):
    single(f'{op}_i8_0', op, [bytes_of('i8', [40, 9], 0.02, 30), bytes_of('i8', [9], 0.03, 2, low=1)], quantized('i8', [40, 9], 0.1, 5))
for op in ('EQUAL', 'NOT_EQUAL', 'LESS', 'GREATER_EQUAL'):
    pair = [bytes_of('i16', [40, 9], 0.02, low=-9, high=9), bytes_of('i16', [9], 0.003, low=-60, high=60)]
    single(f'{op}_i16_0', op, pair, dict(shape=[40, 9], kind='i16'))
for op, options in [('ADD', 'AddOptions'), ('SUB', 'SubOptions')]:
    pair = [bytes_of('i16', [300], 2.0**-12), bytes_of('i16', [300], 2.0**-11)]
    single(f'{op}_i16_powers', op, pair, quantized('i16', [300], 2.0**-11), options, potScaleInt16=True)
for kind in ('i8', 'u8', 'i16', 'i32'):
    single(f'RIGHT_SHIFT_{kind}', 'RIGHT_SHIFT', [bytes_of(kind, [60]), bytes_of(kind, [60], low=0, high=40)], dict(shape=[60], kind=kind))
places = dict(shape=[4, 1], kind='i32', data=[[4], [0], [2], [0]])
single('SCATTER_ND_u8', 'SCATTER_ND', [places, bytes_of('u8', [4, 3], high=100), dict(shape=[2], kind='i32', data=[5, 3])], dict(shape=[5, 3], kind='u8'), 'ScatterNdOptions')

# Products of 16-bit numbers whose sums have 64 bits, and dense layers whose weights are computed.
for i, (left, right, adjX, adjY) in enumerate([([2, 5, 40], [2, 40, 3], False, False), ([7, 4], [3, 7, 2], True, False), ([2, 1, 3, 300], [2, 5, 300], False, True)]):
    pair = [bytes_of('i16', left, 0.0004), bytes_of('i16', right, 0.0007)]
    single(f'BATCH_MATMUL_i16_{i}', 'BATCH_MATMUL', pair, quantized('i16', [1], 0.1), 'BatchMatMulOptions', version=3, adjX=adjX, adjY=adjY)
for kind in ('i8', 'i16'):
    inputs = [bytes_of(kind, [6, 50], 0.001, 0 if kind == 'i16' else 7), bytes_of('i8', [9, 50], 0.01)]
    bias = np.random.default_rng(1).integers(-9000, 9000, 9)
    inputs.append(quantized('i64' if kind == 'i16' else 'i32', [9], 0.00001, data=bias))
    to = quantized(kind, [6, 9], 0.003 if kind == 'i16' else 0.008, 0 if kind == 'i16' else -11)
    single(f'fc_computed_{kind}', 'FULLY_CONNECTED', inputs, to, 'FullyConnectedOptions', fusedActivationFunction=1, version=4)
for i, (size, window, strides, padding, biased) in enumerate([((3, 4), (3, 2), (2, 2), 0, True), ((4, 3), (2, 4), (1, 3), 1, True), ((3, 3), (3, 3), (2, 1), 0, False)]):
    random = np.random.default_rng(i)
    shape = [2] + [e * s if padding == 0 else (e - 1) * s + k for e, s, k in zip(size, strides, window)] + [5]
    scales = random.uniform(0.002, 0.02, 5)
    inputs = [
        dict(shape=[4], kind='i32', data=shape),
        quantized('i8', [5, *window, 6], scales, data=random.integers(-127, 128, (5, *window, 6))),
        bytes_of('i16', [2, *size, 6], 0.0003),
    ]
    if biased:
        inputs.append(quantized('i64', [5], scales * 0.0003, data=random.integers(-2000000, 2000000, 5)))
    fields = dict(padding=padding, strideH=strides[0], strideW=strides[1], quantizedBiasType=TYPES['i64' if biased else 'i32'][0])
    single(f'tconv_i16_{i}', 'TRANSPOSE_CONV', inputs, quantized('i16', shape, 0.002), 'TransposeConvOptions', version=3, **fields)

# Diagonals, segments in any order, distinct elements, and boxes and sequences whose places and lengths are fed.
single('MATRIX_DIAG_u8', 'MATRIX_DIAG', [bytes_of('u8', [2, 4])], dict(shape=[2, 4, 4], kind='u8'), 'MatrixDiagOptions')
for i, (height, width) in enumerate([(3, 5), (5, 3)]):
    single(f'MATRIX_SET_DIAG_i8_{i}', 'MATRIX_SET_DIAG', [bytes_of('i8', [2, height, width]), bytes_of('i8', [2, 3])], dict(shape=[2, height, width], kind='i8'), 'MatrixSetDiagOptions')
for op, options in [('SUM', 'Sum'), ('PROD', 'Prod'), ('MAX', 'Max'), ('MIN', 'Min')]:
    for kind in ('f32', 'i32'):
        inputs = [
            dict(shape=[2, 5, 3], kind=kind, low=-9, high=9),
            dict(shape=[2, 5], kind='i32', low=-1, high=4),
            dict(shape=[], kind='i32', data=5),
        ]
        single(f'UNSORTED_SEGMENT_{op}_{kind}', f'UNSORTED_SEGMENT_{op}', inputs, dict(shape=[5, 3], kind=kind), f'UnsortedSegment{options}Options')
for kind in ('i8', 'i32'):
    model = Model()
    x = model.tensor([40], kind, input=True)
    outputs = [model.tensor([40], kind), model.tensor([40], 'i32')]
    model.op('UNIQUE', [x], outputs, 'UniqueOptions', idxOutType=schema.TensorType.INT32)
    random = np.random.default_rng(3)
    record(f'UNIQUE_{kind}', model.bytes(*outputs), [[random.integers(-bound, bound, 40).astype(TYPES[kind][1])] for bound in (1, 5, 100)])
lengths = dict(shape=[3], kind='i32', low=0, high=6)
single('REVERSE_SEQUENCE_fed', 'REVERSE_SEQUENCE', [bytes_of('i32', [3, 2, 5]), lengths], dict(shape=[3, 2, 5], kind='i32'), 'ReverseSequenceOptions', feeds=4, seqDim=2, batchDim=0)
box = dict(shape=[3], kind='i32', data=[2, 2, 6])
inputs = [bytes_of('i8', [5, 4, 6]), dict(shape=[3], kind='i32', low=[0, 1, 0], high=[4, 3, 1]), box]
single('SLICE_fed', 'SLICE', inputs, dict(shape=[2, 2, 6], kind='i8'), 'SliceOptions', feeds=6)
for name, rank, low, high, masks in [
    ('row', 2, [0, -4], [1, 4], dict(beginMask=1, endMask=1, shrinkAxisMask=2)),
    ('last', 3, [-5, 0, -6], [5, 1, 6], dict(ellipsisMask=2, shrinkAxisMask=5)),
]:
    ends, steps = ([dict(shape=[rank], kind='i32', data=[value] * rank) for value in (7, 1)])
    inputs = [bytes_of('i8', [5, 4, 6]), dict(shape=[rank], kind='i32', low=low, high=high), ends, steps]
    single(f'STRIDED_SLICE_fed_{name}', 'STRIDED_SLICE', inputs, dict(shape=[5, 6] if rank == 2 else [4], kind='i8'), 'StridedSliceOptions', feeds=6, **masks)
shapes = [dict(shape=[rank], kind='i32', low=low, high=[extent + 1 for extent in low]) for rank, low in ((3, [1, 4, 1]), (2, [1, 5]))]
single('BROADCAST_ARGS_fed', 'BROADCAST_ARGS', shapes, dict(shape=[3], kind='i32'))
for i, (size, window, strides, dilations, padding, biased) in enumerate([
    ((3, 2, 4), (2, 3, 2), (2, 1, 3), (1, 1, 1), 1, True),
    ((2, 3, 3), (3, 2, 3), (2, 2, 1), (1, 1, 1), 0, False),
    ((3, 4, 2), (2, 2, 3), (1, 2, 2), (2, 1, 1), 0, True),
]):
    random = np.random.default_rng(i)
    full = [e * s if padding == 0 else (e - 1) * s + (k - 1) * d + 1 for e, s, k, d in zip(size, strides, window, dilations)]
    shape = [2, *full, 5]
    inputs = [
        dict(shape=[5], kind='i32', data=shape),
        dict(shape=[*window, 5, 3], data=random.normal(size=(*window, 5, 3))),
        dict(shape=[2, *size, 3], low=-9, high=9),
    ]
    if biased:
        inputs.append(dict(shape=[5], data=random.normal(size=5)))
    fields = {f'stride{axis}': stride for axis, stride in zip('DHW', strides)}
    fields.update({f'dilation{axis}Factor': dilation for axis, dilation in zip('DHW', dilations)})
    single(f'CONV_3D_TRANSPOSE_{i}', 'CONV_3D_TRANSPOSE', inputs, dict(shape=shape), 'Conv3DOptions', padding=padding, **fields)

# An integer LSTM, whose first h is its zero point; and both directions of LSTM and RNN with 8-bit weights and float inputs. TFLite reads the states of
# other items than the first at a wrong place where both directions are merged and items come before steps.
def lstm_int8(name, coupled, shape, units, time_major, peepholes=False, outputs=None, clips=(0, 0), norms=False):
    random = np.random.default_rng(units)
    batch, width = shape[1 if time_major else 0], shape[2]
    model = Model()
    projected, outputs = outputs is not None, outputs or units
    hidden = dict(kind='i8', scale=1 / 128, zero=-9)
    gates = [None if coupled and gate == 0 else gate for gate in range(4)]

    def each(shape, kind, limit, least=0.005):
        scales = random.uniform(least, 3 * least, 4)
        return [-1 if gate is None else model.tensor(shape, kind, scales[gate], data=random.integers(-limit, limit, shape)) for gate in gates]

    inputs = [model.tensor(shape, 'i8', 0.02, 11, input=True), *each([units, width], 'i8', 128), *each([units, outputs], 'i8', 128)]
    inputs += [model.tensor([units], 'i16', 2.0**-14 * 1.1, data=random.integers(-32767, 32768, units)) if peepholes and gates[gate] is not None else -1 for gate in (0, 1, 3)]
    inputs += each([units], 'i32', 2**24 if norms else 3000)
    inputs += [model.tensor([outputs, units], 'i8', 0.01, data=random.integers(-127, 128, (outputs, units))), model.tensor([outputs], 'i32', data=random.integers(-3000, 3000, outputs))] if projected else [-1, -1]
    inputs += [model.tensor([batch, outputs], **hidden, variable=True), model.tensor([batch, units], 'i16', 2.0**-12, variable=True)]
    inputs += each([units], 'i16', 32767, 4e-5) if norms else [-1] * 4
    intermediates = [model.tensor([], 'i16', random.uniform(0.0005, 0.002) if norms else 2.0**-12) for _ in range(4)]
    intermediates.append(model.tensor([], 'i8', 0.0064, 5) if projected else model.tensor([], **hidden))
    y = model.tensor([*shape[:2], outputs], **hidden)
    options = dict(fusedActivationFunction=4, timeMajor=time_major, cellClip=clips[0], projClip=clips[1])
    model.op('UNIDIRECTIONAL_SEQUENCE_LSTM', inputs, [y], 'UnidirectionalSequenceLSTMOptions', intermediates, version=3, **options)
    record(name, model.bytes(y), [[random.integers(-128, 128, shape).astype(np.int8)] for _ in range(2)])


def both_directions(name, cell, shape, units, asymmetric, merge):
    random = np.random.default_rng(units)
    batch, _, width = shape
    model = Model()
    weights = lambda shape: model.tensor(shape, 'i8', 0.01, data=random.integers(-127, 128, shape))
    state = lambda: model.tensor([batch, units], variable=True)
    bias = lambda: model.tensor([units], data=random.normal(size=units))
    inputs = [model.tensor(shape, input=True)]
    for _ in range(2):
        if cell == 'RNN':
            inputs += [weights([units, width]), weights([units, units]), bias(), state()]
        else:
            inputs += [weights([units, width]) for _ in range(4)] + [weights([units, units]) for _ in range(4)] + [-1] * 3 + [bias() for _ in range(4)] + [-1] * 2
    inputs += [-1] * 3 if cell == 'RNN' else [state() for _ in range(4)] + [-1] * 9
    outputs = [model.tensor([*shape[:2], 2 * units])] if merge else [model.tensor([*shape[:2], units]) for _ in range(2)]
    options = dict(fusedActivationFunction=4, mergeOutputs=merge, timeMajor=False, asymmetricQuantizeInputs=asymmetric)
    model.op(f'BIDIRECTIONAL_SEQUENCE_{cell}', inputs, outputs, f'BidirectionalSequence{cell}Options', version=3, **options)
    record(name, model.bytes(*outputs), [[random.normal(size=shape).astype(np.float32)] for _ in range(2)])


lstm_int8('LSTM_i8_0', False, [2, 5, 7], 6, False)
lstm_int8('LSTM_i8_1', True, [4, 1, 20], 17, True)
lstm_int8('LSTM_i8_peephole', False, [2, 3, 7], 6, False, peepholes=True)
lstm_int8('LSTM_i8_projection', True, [4, 2, 9], 15, True, outputs=5)
lstm_int8('LSTM_i8_both', False, [3, 2, 9], 8, True, peepholes=True, outputs=3, clips=(0.7, 0.6))
both_directions('BLSTM_hyb_0', 'LSTM', [1, 4, 5], 3, False, True)
both_directions('BLSTM_hyb_1', 'LSTM', [3, 2, 9], 4, True, False)
both_directions('BRNN_hyb_0', 'RNN', [2, 4, 5], 3, False, False)
both_directions('BRNN_hyb_1', 'RNN', [3, 2, 9], 4, True, True)

# Sums whose reciprocals lie at the entries of the table that f64 and f32 round differently.
single('SOFTMAX_i16_1', 'SOFTMAX', [bytes_of('i16', [400, 2], 0.001, low=0, high=1300)], quantized('i16', [400, 2], 2.0**-15), 'SoftmaxOptions', beta=1.0)


def swish_steps(name, scale):
    """Hard swish as 16-bit numbers: those that another order of its operations rounds to another step, and as many others."""
    random = np.random.default_rng(5)
    steps = lambda y: np.round(y / np.float32(scale))
    x = random.uniform(-3, 4, 200000).astype(np.float32)
    sixth = np.float32(1 / 6)
    others = [x * np.clip(x * sixth + np.float32(0.5), 0, 1), x * (np.clip(x + np.float32(3), 0, 6) * sixth)]
    y = steps(x * np.clip(x + np.float32(3), 0, 6) / np.float32(6))
    chosen = np.concatenate([x[steps(other) != y][:30] for other in others] + [x[:60]])
    model = Model()
    given, wide = model.tensor(chosen.shape, input=True), model.tensor(chosen.shape)
    rounded = model.tensor(chosen.shape, 'i16', scale)
    model.op('HARD_SWISH', [given], [wide])
    model.op('QUANTIZE', [wide], [rounded], 'QuantizeOptions')
    record(name, model.bytes(rounded), [[chosen]])


swish_steps('HARD_SWISH_steps', 2.0**-13)


def hybrid_steps(name, width, convolution):
    """
    Rows with numbers half way between two of their 8-bit steps: those that change where the zero point is added before rounding, and where the width
    of the range is not rounded to f32. The weights show each number by itself.
    """
    random = np.random.default_rng(width)
    f32 = np.float32
    away = lambda x: np.sign(x) * np.floor(np.abs(x.astype(np.float64)) + 0.5)

    def numbers(x, wide, late):
        low, high = min(x.min(), 0), max(x.max(), 0)
        scale = (float(high) - float(low) if wide else float(f32(high - low))) / 255
        point = -128 - low / scale if 128 - low / scale < 127 + high / scale else 127 - high / scale
        steps = x * (f32(1) / f32(scale))
        return away(steps) + np.round(point) if late else away(steps + f32(np.round(point)))

    rows = []
    while len(rows) < 8:
        x = random.uniform(-1, 2, width).astype(f32)
        low, high = float(min(x.min(), 0)), float(max(x.max(), 0))
        unit = f32((high - low) / 255)
        x[2:-2] = (random.integers(-60, 140, width - 4) + f32(0.5)) * unit
        x = np.clip(x, f32(low), f32(high))
        if any((numbers(x, wide, late) != numbers(x, False, True)).any() for wide, late in ([(False, False)], [(True, True)])[len(rows) % 2]):
            rows.append(x)
    model = Model()
    scales = random.uniform(0.01, 0.02, width)
    weights = np.diag(random.integers(90, 128, width))
    shape = [8, 1, 1, width] if convolution else [8, width]
    x, y = model.tensor(shape, input=True), model.tensor(shape)
    w = model.tensor([width, 1, 1, width] if convolution else [width, width], 'i8', scales if convolution else scales[0], data=weights)
    inputs = [x, w, model.tensor([width], data=np.zeros(width))]
    if convolution:
        model.op('CONV_2D', inputs, [y], 'Conv2DOptions', version=5, padding=1, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    else:
        model.op('FULLY_CONNECTED', inputs, [y], 'FullyConnectedOptions', version=9, asymmetricQuantizeInputs=True)
    record(name, model.bytes(y), [[np.stack(rows).reshape(shape)]])


hybrid_steps('fc_hybasym_steps', 37, False)
hybrid_steps('conv_hyb_steps', 29, True)


def fixed_point(real):
    """A factor as QuantizeMultiplier has it."""
    mantissa, shift = np.frexp(np.float64(real))
    return int(np.round(mantissa * 2.0**31)), int(shift)


def rescaled(x, real):
    """x · real as MultiplyByQuantizedMultiplier rounds it."""
    multiplier, shift = fixed_point(real)
    high = ((x << max(shift, 0)) * multiplier + (1 << 30)) >> 31
    half = 1 << (-shift - 1) if shift < 0 else 0
    return np.sign(high) * ((np.abs(high) + half) >> max(-shift, 0))


# Numbers that a factor in double and one in float send to two steps: TFLite divides the scales of activations in float.
for op, slope, fields in [('RELU', 1, {}), ('LEAKY_RELU', -0.3, dict(options='LeakyReluOptions', alpha=-0.3))]:
    scale, to = np.float32(0.00379), np.float32(0.00173)
    x = np.arange(-32768, 32768)
    factors = [np.float32(np.float32(scale * np.float32(slope)) / to), float(scale) * float(np.float32(slope)) / float(to)]
    differ = np.nonzero(rescaled(x, abs(factors[0])) != rescaled(x, abs(factors[1])))[0]
    assert len(differ) > 9
    chosen = np.concatenate([x[differ], x[::997]]).astype(np.int16)
    model = Model()
    options = fields.pop('options', None)
    given, y = model.tensor(chosen.shape, 'i16', scale, input=True), model.tensor(chosen.shape, 'i16', to)
    model.op(op, [given], [y], options, **fields)
    record(f'{op}_i16_factor', model.bytes(y), [[chosen]])

# Many functions of 16 bits in one small file, of scales of all sizes.
model = Model()
scales = [3e-6, 2.0**-14, 1e-4, 2.0**-12, 2.0**-11, 0.0007, 0.003, 0.01, 0.07, 0.3, 1.0, 3.0]
given = [model.tensor([60], 'i16', scale, input=True) for scale in scales]
outputs = []
for x in given:
    for op in ('LOGISTIC', 'TANH'):
        outputs.append(model.tensor([60], 'i16', 2.0**-15))
        model.op(op, [x], outputs[-1:], version=3)
numbers = np.random.default_rng(2).integers(-32768, 32768, (len(scales), 60)).astype(np.int16)
numbers[:, :4] = [-32768, 32767, 0, -1]
record('SIGMOIDS_i16', model.bytes(*outputs), [list(numbers)])

# Bits as elements of another width, and integers cut to 16 bits.
TYPES['u16'] = (schema.TensorType.UINT16, np.uint16)
for kind, shape, to, wanted in [('f32', [3, 4], 'u8', [3, 4, 4]), ('i8', [3, 2], 'i16', [3]), ('u16', [4, 2], 'i32', [4]), ('i32', [5], 'f32', [5])]:
    given = dict(shape=shape, low=-9, high=9) if kind == 'f32' else bytes_of(kind, shape)
    single(f'BITCAST_{kind}_{to}', 'BITCAST', [given], dict(shape=wanted, kind=to))
for kind, to in [('i32', 'i16'), ('i32', 'u16'), ('i8', 'u16'), ('u16', 'i16')]:
    given = bytes_of(kind, [40], **(dict(low=-100000, high=100000) if kind == 'i32' else {}))
    single(f'CAST_{kind}_{to}', 'CAST', [given], dict(shape=[40], kind=to), 'CastOptions', inDataType=TYPES[kind][0], outDataType=TYPES[to][0])


def stablehlo(case, op, inputs, output, options=None, body=(), shape=(), **fields):
    """One operator of StableHLO, and the operators one after the other of a subgraph of two tensors of `shape`."""
    random = np.random.default_rng(4)
    model = Model()
    fed = [given for given in inputs if given.get('data') is None]
    places = [model.tensor(**given, input=given.get('data') is None) for given in inputs]
    y = model.tensor(**output)
    model.op2(op, places, [y], options, **fields)
    if body:
        main, model.graph = model.graph, schema.SubGraphT()
        model.graph.name, model.graph.tensors, model.graph.operators, model.graph.inputs = 'body', [], [], []
        given = [model.tensor(shape, input=True) for _ in range(2)]
        for part in body:
            result = [model.tensor(shape)]
            model.op(part, given, result)
            given = result
        model.graph.outputs = given
        model.model.subgraphs.append(model.graph)
        model.graph = main
    feeds = [[random.integers(-100, 100, given['shape']).astype(TYPES[given.get('kind', 'f32')][1]) for given in fed] for _ in range(2)]
    record(case, model.bytes(y), feeds)


def constant(kind, data):
    return dict(shape=list(np.shape(data)), kind=kind, data=data)


floats = dict(shape=[3, 4])
stablehlo('STABLEHLO_COMPOSITE', 'STABLEHLO_COMPOSITE', [floats, floats], floats, 'StableHLOCompositeOptions', ('MUL', 'TANH'), [3, 4], name='some.kernel', decompositionSubgraphIndex=1)
for op in ('ADD', 'MULTIPLY', 'MAXIMUM', 'MINIMUM'):
    whole = dict(shape=[3, 4], kind='i8')
    stablehlo(f'STABLEHLO_{op}', f'STABLEHLO_{op}', [whole, whole], whole)
for i, (before, after, between) in enumerate([([1, 2], [0, 0], [1, 1]), ([0, -2], [2, -1], [2, 1])]):
    shape = [extent + (extent - 1) * gap + a + b for extent, gap, a, b in zip((3, 4), between, before, after)]
    fields = dict(edgePaddingLow=before, edgePaddingHigh=after, interiorPadding=between)
    stablehlo(f'STABLEHLO_PAD_{i}', 'STABLEHLO_PAD', [floats, constant('f32', 3)], dict(shape=shape), 'StablehloPadOptions', **fields)
stablehlo('DILATE_i8', 'DILATE', [dict(shape=[3, 4], kind='i8'), constant('i32', [2, 3]), constant('i8', 7)], dict(shape=[5, 10], kind='i8'), 'DilateOptions')
for i, (op, first, window, strides, gaps, distances, padding) in enumerate([
    ('ADD', 0, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 0, 0]),
    ('MAXIMUM', -1e30, [1, 2, 3, 1], [1, 1, 2, 1], [1, 1, 1, 1], [1, 2, 1, 1], [0] * 8),
    ('ADD', 2, [1, 3, 2, 1], [1, 2, 1, 1], [1, 2, 1, 1], [1, 1, 1, 1], [0, 0, 0, 2, 1, 0, 0, 0]),
]):
    extents = [(extent - 1) * gap + 1 + padding[2 * k] + padding[2 * k + 1] for k, (extent, gap) in enumerate(zip((1, 8, 9, 2), gaps))]
    shape = [(extent - (w - 1) * d - 1) // stride + 1 for extent, w, d, stride in zip(extents, window, distances, strides)]
    fields = dict(windowDimensions=window, windowStrides=strides, baseDilations=gaps, windowDilations=distances, padding=padding, bodySubgraphIndex=1)
    inputs = [dict(shape=[1, 8, 9, 2]), constant('f32', first)]
    stablehlo(f'STABLEHLO_REDUCE_WINDOW_{i}', 'STABLEHLO_REDUCE_WINDOW', inputs, dict(shape=shape), 'StablehloReduceWindowOptions', (op,), **fields)

# Boxes without those that overlap better ones: fewer than there is place for, and more.
for version, name, count, most, overlap, least in [(4, 'few', 20, 30, 0.3, 0.5), (4, 'many', 60, 10, 0.6, 0.1), (5, 'few', 20, 9, 0.2, 0.6)]:
    random = np.random.default_rng(count)
    model = Model()
    inputs = [model.tensor([count, 4], input=True), model.tensor([count], input=True)]
    inputs += [model.tensor([], 'i32', data=most), model.tensor([], data=overlap), model.tensor([], data=least)]
    outputs = [model.tensor([most], 'i32'), model.tensor([], 'i32')]
    if version == 5:
        inputs.append(model.tensor([], data=0))
        outputs.insert(1, model.tensor([most]))
    model.op(f'NON_MAX_SUPPRESSION_V{version}', inputs, outputs, f'NonMaxSuppressionV{version}Options')
    feeds = []
    for _ in range(3):
        centres, extents = random.uniform(0, 1, (count, 2)), random.uniform(0.1, 0.5, (count, 2))
        boxes = np.concatenate([centres - extents / 2, centres + extents / 2], 1)
        feeds.append([boxes.astype(np.float32), random.uniform(0, 1, count).astype(np.float32)])
    record(f'NMS_V{version}_{name}', model.bytes(*outputs), feeds)

# Elements that a condition picks, and an output that is an input: both have its name.
masked = Model()
x, least = masked.tensor([12], input=True), masked.tensor([], data=0.5)
is_picked, places, row, picked = masked.tensor([12], 'bool'), masked.tensor([1, 1], 'i64'), masked.tensor([1], 'i64'), masked.tensor([1])
masked.op('GREATER', [x, least], [is_picked])
masked.op('WHERE', [is_picked], [places])
masked.op('RESHAPE', [places, masked.tensor([1], 'i32', data=[-1])], [row], 'ReshapeOptions', newShape=[-1])
masked.op('GATHER', [x, row], [picked], 'GatherOptions')
record('boolean_mask', masked.bytes(picked, x), [[np.random.default_rng(i).uniform(-1, 2, 12).astype(np.float32)] for i in range(3)])

# Weights of 4 bits with a scale a block, which the reference kernels do not read: the product of the floats they stand for.
TYPES['f16'] = (schema.TensorType.FLOAT16, np.float16)
for units, width, size in [(5, 64, 16), (64, 128, 32)]:
    random = np.random.default_rng(units)
    numbers, scales = random.integers(-8, 8, (units, width)), random.uniform(0.01, 0.05, (units, width // size)).astype(np.float16)
    model = Model()
    x, steps, w = model.tensor([3, width], input=True), model.tensor(scales.shape, 'f16', data=scales), model.tensor([units, width], 'i8', data=numbers)
    weights = model.graph.tensors[w]
    weights.type = schema.TensorType.INT4
    pairs = (numbers & 15).astype(np.uint8).reshape(-1, 2)
    model.model.buffers[weights.buffer].data = pairs[:, 0] | pairs[:, 1] << 4
    weights.quantization = schema.QuantizationParametersT()
    weights.quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    weights.quantization.details = schema.BlockwiseQuantizationT()
    weights.quantization.details.scales, weights.quantization.details.zeroPoints, weights.quantization.details.blockSize = steps, -1, size
    y = model.tensor([3, units], name='y')
    model.op('FULLY_CONNECTED', [x, w, -1], [y], 'FullyConnectedOptions')
    given = random.uniform(-1, 1, (3, width)).astype(np.float32)
    product = given @ (numbers * np.repeat(scales.astype(np.float32), size, axis=1)).T
    keep(f'fc_blocks_{units}', model.bytes(y), [{'inputs': [entry('t0', given)], 'outputs': [entry('y', product.astype(np.float32))]}])

# Angles of zeros of both signs.
model = Model()
pair = [model.tensor([25], input=True) for _ in range(2)]
y = model.tensor([25])
model.op('ATAN2', pair, [y], 'ATan2Options')
numbers = np.array([0.0, -0.0, 1, -1, 3e-30], np.float32)
record('ATAN2_zeros', model.bytes(y), [[np.repeat(numbers, 5), np.tile(numbers, 5)]])

# Dense layers round halves away from zero, and 16-bit ones multiply in double: sums that a multiplier of 31 bits takes to the other side of a half.
for kind, zero, first in (('i8', 3, -128), ('u8', 128, 0), ('i16', 0, -2048)):
    model = Model()
    numbers = np.arange(first, first + (256 if kind != 'i16' else 4096)).reshape(-1, 2)
    x = model.tensor(numbers.shape, kind, 1 / 32, zero, input=True)
    w = model.tensor([3, 2], 'u8' if kind == 'u8' else 'i8', 1 / 16, 128 if kind == 'u8' else 0, data=np.array([[1, 0], [3, 1], [-5, 2]]) + (128 if kind == 'u8' else 0))
    y = model.tensor([len(numbers), 3], kind, 1 / 32, zero)
    model.op('FULLY_CONNECTED', [x, w, -1], [y], 'FullyConnectedOptions', version=4)
    record(f'fc_halves_{kind}', model.bytes(y), [[numbers.astype(TYPES[kind][1])]])
scales = np.array([0.0123, 0.0457, 0.0301], np.float32)
real = float(scales[0]) * float(scales[1]) / float(scales[2])
mantissa, exponent = np.frexp(real)
sums = np.arange(0, 127 * 32768)
once = (sums * round(mantissa * 2**31) + (1 << (30 - exponent))) >> (31 - exponent)
close = sums[(once != np.floor(sums * real + 0.5)) & (once < 32767)][:64]
pairs = np.stack([close // 127, close % 127], 1)
model = Model()
x, w = model.tensor(pairs.shape, 'i16', scales[0], input=True), model.tensor([1, 2], 'i8', scales[1], data=[[127, 1]])
y = model.tensor([len(pairs), 1], 'i16', scales[2])
model.op('FULLY_CONNECTED', [x, w, -1], [y], 'FullyConnectedOptions', version=4)
record('fc_double_i16', model.bytes(y), [[sign * pairs.astype(np.int16)] for sign in (np.int16(1), np.int16(-1))])

# A sigmoid next to a half.
model = Model()
x, y = model.tensor([256], 'i8', 1 / 128, 3, input=True), model.tensor([256], 'i8', 1 / 256, -128)
model.op('LOGISTIC', [x], [y])
record('LOGISTIC_half', model.bytes(y), [[np.arange(-128, 128).astype(np.int8)]])

# Filters whose scales are all the same are those of one scale: then the image has no zero point.
model = Model()
random = np.random.default_rng(8)
x, w = model.tensor([1, 4, 4, 3], input=True), model.tensor([2, 2, 2, 3], 'i8', [0.25, 0.25], data=random.integers(-127, 128, (2, 2, 2, 3)))
y = model.tensor([1, 4, 4, 2])
model.op('CONV_2D', [x, w, model.tensor([2], data=np.zeros(2, np.float32))], [y], 'Conv2DOptions', version=5, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
record('conv_hyb_alike', model.bytes(y), [[random.uniform(-1, 2, (1, 4, 4, 3)).astype(np.float32)]])

# Weights that need nine bits, up to 255, in convolutions, in groups too, and in dense layers.
for name, shape, zero in (('conv_wide_u8_255', (4, 2, 2, 4), 0), ('conv_wide_u8_groups', (4, 2, 2, 2), 60), ('conv_wide_u8_1x1', (9, 1, 1, 4), 0), ('fc_wide_u8_255', (9, 4), 0)):
    random = np.random.default_rng(len(name))
    weights = random.integers(0, 256, shape)
    weights.flat[:3] = 255
    model = Model()
    x = model.tensor([1, 4, 4, 4] if len(shape) == 4 else [3, 4], 'u8', 0.02, 131, input=True)
    w = model.tensor(shape, 'u8', 0.01, zero, data=weights)
    bias = model.tensor([shape[0]], 'i32', 0.0002, data=random.integers(-5000, 5000, shape[0]))
    y = model.tensor([1, 4, 4, shape[0]] if len(shape) == 4 else [3, shape[0]], 'u8', 0.1, 120)
    if len(shape) == 4:
        model.op('CONV_2D', [x, w, bias], [y], 'Conv2DOptions', version=2, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    else:
        model.op('FULLY_CONNECTED', [x, w, bias], [y], 'FullyConnectedOptions')
    record(name, model.bytes(y), [[random.integers(0, 256, model.graph.tensors[x].shape).astype(np.uint8)] for _ in range(2)])

# Logarithms of softmax in fixed point; of steps of 1/8 the lowest differences have no room.
for kind, zero, scale in (('i8', 3, 1 / 8), ('i8', -9, 0.04), ('u8', 131, 0.21)):
    random = np.random.default_rng(zero + 9)
    model = Model()
    x, y = model.tensor([12, 9], kind, scale, zero, input=True), model.tensor([12, 9], kind, 1 / 16, 127 if kind == 'i8' else 255)
    model.op('LOG_SOFTMAX', [x], [y], 'LogSoftmaxOptions')
    feed = random.integers(*((-128, 128) if kind == 'i8' else (0, 256)), (12, 9)).astype(TYPES[kind][1])
    record(f'LOG_SOFTMAX_fixed_{kind}_{zero & 255}', model.bytes(y), [[feed]])

# Products of quantized numbers.
for kind, zero, shape, axes, scale, out, keep_dims in (('i8', 3, (4, 5, 3), [1], 0.02, 0.001, False), ('i8', -128, (3, 2, 4), [2, 0], 2**-5, 2**-4, True), ('i16', 0, (5, 9), [0], 0.0001, 0.00004, False)):
    random = np.random.default_rng(len(shape) + len(axes))
    model = Model()
    x, over = model.tensor(shape, kind, scale, zero, input=True), model.tensor([len(axes)], 'i32', data=axes)
    y = model.tensor([1], kind, out, -zero // 2)
    model.op('REDUCE_PROD', [x, over], [y], 'ReducerOptions', version=2, keepDims=keep_dims)
    feed = random.integers(*((-128, 128) if kind == 'i8' else (-32768, 32768)), shape).astype(TYPES[kind][1])
    record(f'REDUCE_PROD_{kind}_{len(axes)}', model.bytes(y), [[feed]])

# A network of layers that round their inputs and of float ones: any order of sums but the reference's shows in the last bits.
random = np.random.default_rng(5)
model = Model()


def bytes_of(shape, channels, axis):
    scales = random.uniform(0.004, 0.02, channels)
    return model.tensor(shape, 'i8', scales, data=random.integers(-127, 128, shape), axis=axis)


def floats_of(*shape):
    return model.tensor(shape, data=random.uniform(-0.5, 0.5, shape))


window = dict(padding=schema.Padding.SAME, dilationHFactor=1, dilationWFactor=1)
x = model.tensor([1, 11, 9, 3], input=True)
y = [model.tensor(shape) for shape in ([1, 6, 5, 12], [1, 6, 5, 12], [1, 6, 5, 20], [1, 6, 5, 20], [1, 6, 5, 20], [1, 3, 3, 20], [1, 20], [1, 9], [1, 7])]
relu6 = schema.ActivationFunctionType.RELU6
model.op('CONV_2D', [x, floats_of(12, 3, 3, 3), floats_of(12)], [y[0]], 'Conv2DOptions', strideH=2, strideW=2, fusedActivationFunction=relu6, **window)
model.op('DEPTHWISE_CONV_2D', [y[0], floats_of(1, 3, 3, 12), floats_of(12)], [y[1]], 'DepthwiseConv2DOptions', strideH=1, strideW=1, depthMultiplier=1, **window)
model.op('CONV_2D', [y[1], bytes_of([20, 3, 3, 12], 20, 0), floats_of(20)], [y[2]], 'Conv2DOptions', version=5, strideH=1, strideW=1, **window)
model.op('MUL', [y[2], floats_of(20)], [y[3]], 'MulOptions')
model.op('ADD', [y[3], floats_of(20)], [y[4]], 'AddOptions')
model.op('DEPTHWISE_CONV_2D', [y[4], bytes_of([1, 3, 3, 20], 20, 3), floats_of(20)], [y[5]], 'DepthwiseConv2DOptions', version=6, strideH=2, strideW=2, depthMultiplier=1, **window)
model.op('MEAN', [y[5], model.tensor([2], 'i32', data=[1, 2])], [y[6]], 'ReducerOptions')
model.op('FULLY_CONNECTED', [y[6], bytes_of([9, 20], 9, 0), floats_of(9)], [y[7]], 'FullyConnectedOptions', version=12, asymmetricQuantizeInputs=True)
model.op('FULLY_CONNECTED', [y[7], floats_of(7, 9), floats_of(7)], [y[8]], 'FullyConnectedOptions')
record('hybrid_network', model.bytes(y[1], y[4], y[6], y[8]), [[random.uniform(-1, 1, (1, 11, 9, 3)).astype(np.float32)] for _ in range(2)])

# Hard swish of 8 bits whose scales are so far apart that results are shifted by 16 bits and more.
for name, kind, scale, zero, out in (('far', 'i8', 5e-4, 11, 0.6), ('farther', 'u8', 2e-5, 140, 2.0), ('farthest', 'i8', 1e-7, -90, 3000.0)):
    model = Model()
    x, y = model.tensor([256], kind, scale, zero, input=True), model.tensor([256], kind, out, 3)
    model.op('HARD_SWISH', [x], [y])
    record(f'HARD_SWISH_{name}', model.bytes(y), [[np.arange(256).astype(np.uint8).view(TYPES[kind][1])]])

# Integer LSTMs whose gates are normalised; of rows of 7 numbers the reciprocal is not exact.
lstm_int8('LSTM_i8_norm', False, [2, 4, 5], 8, False, norms=True)
lstm_int8('LSTM_i8_norm_coupled', True, [3, 2, 6], 7, True, norms=True)
lstm_int8('LSTM_i8_norm_all', False, [2, 3, 5], 9, False, norms=True, peepholes=True, outputs=4, clips=(0.8, 0.9))

# Halves are rounded, depthwise weights are 255 above their zero point, scores of boxes are lowered by what overlaps them.
for kind in ('f32', 'i32'):
    random = np.random.default_rng(6)
    model = Model()
    x, half, y = model.tensor([40], kind, input=True), model.tensor([40]), model.tensor([40])
    model.graph.tensors[half].type = schema.TensorType.FLOAT16
    model.op('CAST', [x], [half], 'CastOptions')
    model.op('CAST', [half], [y], 'CastOptions')
    feed = random.normal(size=40) * 10.0 ** random.integers(-8, 6, 40)
    record(f'CAST_half_{kind}', model.bytes(y), [[feed.astype(TYPES[kind][1])]])
for multiplier in (1, 2):
    random = np.random.default_rng(multiplier)
    weights = random.integers(0, 256, (1, 3, 3, 4 * multiplier))
    weights.flat[:9] = 255
    model = Model()
    x, w = model.tensor([1, 5, 5, 4], 'u8', 0.02, 131, input=True), model.tensor(weights.shape, 'u8', 0.01, 0, data=weights)
    bias = model.tensor([4 * multiplier], 'i32', 0.0002, data=random.integers(-5000, 5000, 4 * multiplier))
    y = model.tensor([1, 5, 5, 4 * multiplier], 'u8', 0.1, 120)
    model.op('DEPTHWISE_CONV_2D', [x, w, bias], [y], 'DepthwiseConv2DOptions', strideH=1, strideW=1, depthMultiplier=multiplier, dilationHFactor=1, dilationWFactor=1)
    record(f'depthwise_wide_u8_255_{multiplier}', model.bytes(y), [[random.integers(0, 256, (1, 5, 5, 4)).astype(np.uint8)]])
for sigma, score, overlap in ((0.5, 0.2, 0.6), (0.1, 0.0, 0.9)):
    random = np.random.default_rng(7)
    centres, sizes = random.uniform(0, 1, (30, 2)), random.uniform(0.1, 0.6, (30, 2))
    model = Model()
    inputs = [model.tensor([30, 4], input=True), model.tensor([30], input=True), model.tensor([], 'i32', data=12)]
    inputs += [model.tensor([], data=value) for value in (overlap, score, sigma)]
    outputs = [model.tensor([12], 'i32'), model.tensor([12]), model.tensor([], 'i32')]
    model.op('NON_MAX_SUPPRESSION_V5', inputs, outputs, 'NonMaxSuppressionV5Options')
    corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], 1)
    record(f'NMS_V5_soft_{sigma}', model.bytes(*outputs), [[corners.astype(np.float32), random.uniform(0, 1, 30).astype(np.float32)]])

# Matrix products with one matrix of 8-bit weights for all, which are dense layers.
for shape, transposed in (([16, 9], False), ([1, 9, 16], True)):
    random = np.random.default_rng(len(shape))
    model = Model()
    x, y = model.tensor([2, 3, 16], input=True), model.tensor([2, 3, 9])
    weights = model.tensor(shape, 'i8', 0.013, data=random.integers(-127, 128, shape))
    model.op('BATCH_MATMUL', [x, weights], [y], 'BatchMatMulOptions', adjY=transposed, asymmetricQuantizeInputs=transposed)
    record(f'BMM_hyb_dense_{len(shape)}', model.bytes(y), [[random.normal(size=(2, 3, 16)).astype(np.float32)]])

path = os.path.join(here, 'golden.json')
with open(path) as file:
    known = {model['name']: model for model in json.load(file)}
known.update(golden)
with open(path, 'w') as file:
    json.dump(list(known.values()), file, indent=1)
