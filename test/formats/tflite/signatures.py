"""Writes models with variables and several signatures, with what TFLite's reference kernels compute for them over several calls: models/signatures.json.

pip install tensorflow-cpu==2.21.0 && python signatures.py
"""
import base64
import json
import os
import tempfile

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.interpreter import Interpreter, OpResolverType

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'models')
random = np.random.default_rng(4)
golden = []


def entry(name, array):
    array = np.asarray(array)
    return {'name': name, 'dtype': array.dtype.name, 'shape': list(array.shape), 'data': base64.b64encode(array.tobytes()).decode()}


def record(name, module, calls, others=()):
    """`calls`: pairs of a signature and its feeds."""
    signatures = {key: getattr(module, key).get_concrete_function() for key in dict.fromkeys([*(key for key, _ in calls), *others])}
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        converter.experimental_enable_resource_variables = True
        content = converter.convert()
    with open(os.path.join(here, f'{name}.tflite'), 'wb') as file:
        file.write(content)
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    steps = []
    for key, feeds in calls:
        results = interpreter.get_signature_runner(key)(**feeds)
        named = [[entry(*item) for item in tensors.items()] for tensors in (feeds, results)]
        steps.append({'signature': key, 'inputs': named[0], 'outputs': named[1]})
    return {'name': name, 'steps': steps}


def of(shape, dtype=tf.float32):
    return tf.TensorSpec(shape, dtype)


def numbers(*shape):
    return random.uniform(-1, 1, shape).astype(np.float32)


class Counter(tf.Module):
    """One signature adds, one reads, one assigns what it never reads."""

    def __init__(self):
        self.sum = tf.Variable(tf.ones([1, 2]))
        self.count = tf.Variable(3)

    @tf.function(input_signature=[of([1, 2])])
    def add(self, x):
        self.sum.assign_add(x)
        self.count.assign_add(1)
        return {'sum': self.sum.read_value()}

    @tf.function(input_signature=[])
    def read(self):
        return {'sum': self.sum * 1.0, 'count': self.count + 0}

    @tf.function(input_signature=[of([1, 2])])
    def set(self, x):
        self.sum.assign(x)
        self.count.assign(0)
        return {'same': x, 'twice': x}


x = [{'x': numbers(1, 2)} for _ in range(4)]
calls = [('read', {}), ('add', x[0]), ('add', x[1]), ('read', {}), ('set', x[2]), ('read', {}), ('add', x[3]), ('read', {})]
golden.append(record('sig_counter', Counter(), calls))


class Cache(tf.Module):
    """Two signatures that share weights and have a cache as input and as output, under one name."""

    def __init__(self):
        self.w = tf.constant(numbers(4, 4))

    def write(self, x, cache, position):
        keys = tf.matmul(x[0], self.w)
        next = tf.tensor_scatter_nd_update(cache[0], tf.reshape(position, [-1, 1]), keys)[None]
        return {'cache': next, 'y': next[:, ::-1] + cache}

    @tf.function(input_signature=[of([1, 3, 4]), of([1, 6, 4]), of([3], tf.int32)])
    def prefill(self, x, cache, position):
        return self.write(x, cache, position)

    @tf.function(input_signature=[of([1, 1, 4]), of([1, 6, 4]), of([1], tf.int32)])
    def decode(self, x, cache, position):
        return self.write(x, cache, position)


def token(count, first):
    return {'x': numbers(1, count, 4), 'cache': numbers(1, 6, 4), 'position': np.arange(first, first + count, dtype=np.int32)}


golden.append(record('sig_cache', Cache(), [('prefill', token(3, 0)), ('decode', token(1, 3)), ('decode', token(1, 4))]))


class Choices(tf.Module):
    """Branches and loops that are decided at run time and assign variables."""

    def __init__(self):
        self.u = tf.Variable(tf.zeros([1, 2]))
        self.v = tf.Variable(tf.ones([1, 2]))
        self.count = tf.Variable(0)

    @tf.function(input_signature=[of([1, 2]), of([], tf.int32)])
    def choose(self, x, way):
        if way > 2:
            if way > 4:
                self.u.assign(x)
            else:
                self.v.assign(self.v + self.u)
        else:
            self.v.assign_sub(x)
        return {'u': self.u.read_value(), 'v': self.v.read_value()}

    @tf.function(input_signature=[of([1, 2])])
    def repeat(self, x):
        i = tf.constant(0)
        while tf.logical_and(i < 5, tf.reduce_sum(self.v) < 4.0):
            self.v.assign_add(tf.abs(x))
            self.count.assign_add(1)
            i += 1
        return {'v': self.v.read_value(), 'rounds': i, 'count': self.count.read_value()}


ways = [('choose', {'x': numbers(1, 2), 'way': np.int32(way)}) for way in (5, 3, 1, 6, 3, 0)]
golden.append(record('sig_choices', Choices(), [call for way in ways for call in (way, ('repeat', {'x': numbers(1, 2)}))]))


class Places(tf.Module):
    """Parts of a tensor from a computed place on, whose size is a constant all the same."""

    @tf.function(input_signature=[of([2, 6]), of([], tf.int32)])
    def span(self, x, i):
        return {'y': x[:, i:i + 3]}

    @tf.function(input_signature=[of([2, 6]), of([], tf.int32)])
    def back(self, x, i):
        return {'y': x[1, 2 * i - 3:2 * i:2]}

    @tf.function(input_signature=[of([2, 6]), of([], tf.int32)])
    def sized(self, x, i):
        return {'y': tf.slice(x, [1, i], [-1, (i + 2) - i])}

    @tf.function(input_signature=[of([2, 6]), of([], tf.int32)])
    def range(self, x, i):
        return {'y': tf.gather(x, tf.range(i - 1, i + 3, 2), axis=1)}

    @tf.function(input_signature=[of([2, 6]), of([], tf.int32)])
    def rest(self, x, i):
        return {'y': x[:, i:]}


calls = [(key, {'x': numbers(2, 6), 'i': np.int32(i)}) for i in (2, 3) for key in ('span', 'back', 'sized', 'range')]
golden.append(record('sig_places', Places(), calls, ['rest']))


class Endless(tf.Module):
    """A loop that counts nothing: thimble cannot plan it."""

    @tf.function(input_signature=[of([1, 2])])
    def until(self, x):
        while tf.reduce_sum(x) < 4.0:
            x = x + 1.0
        return {'y': x}


record('sig_endless', Endless(), [('until', {'x': numbers(1, 2)})])

with open(os.path.join(here, 'signatures.json'), 'w') as file:
    json.dump(golden, file, indent=1)
