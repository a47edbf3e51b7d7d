"""Writes microFrontend.json: sounds, options, and what TensorFlow's audio_microfrontend operator makes of them.

pip install tensorflow-cpu==2.21.0 && python microFrontend.py
"""
import base64
import json
import os

import numpy as np
import tensorflow as tf
from tensorflow.lite.experimental.microfrontend.python.ops import audio_microfrontend_op

random = np.random.default_rng(7)
time = np.arange(4000)
sounds = {
    'sweep': 30000 * np.sin(time * time * 2e-4) * np.linspace(0, 1, 4000),
    'loud': random.integers(-32768, 32768, 2000),
    'quiet': random.integers(-3, 4, 2000),
    'silence, then a tone': np.where(time < 2000, 0, 9000 * np.sin(time * 0.4)),
}
options = [
    {},
    {'step': 10},
    {'window': 25, 'step': 10, 'channels': 32, 'gainControl': False},
    {'sampleRate': 8000, 'window': 32, 'step': 16, 'channels': 20, 'lowest': 60, 'highest': 3800, 'logShift': 3},
    {'minSignalRemaining': 0.4, 'evenSmoothing': 0.1, 'oddSmoothing': 0.2, 'strength': 0.5, 'offset': 30},
]
names = {
    'sampleRate': ('sample_rate', 16000),
    'window': ('window_size', 30),
    'step': ('window_step', 20),
    'channels': ('num_channels', 40),
    'lowest': ('lower_band_limit', 125.0),
    'highest': ('upper_band_limit', 7500.0),
    'evenSmoothing': ('even_smoothing', 0.025),
    'oddSmoothing': ('odd_smoothing', 0.06),
    'minSignalRemaining': ('min_signal_remaining', 0.05),
    'gainControl': ('enable_pcan', True),
    'strength': ('pcan_strength', 0.95),
    'offset': ('pcan_offset', 80.0),
    'logShift': ('scale_shift', 6),
}


def text(array, dtype):
    return base64.b64encode(np.asarray(array).astype(dtype).tobytes()).decode()


cases = []
for given in options:
    arguments = {name: type(default)(given.get(key, default)) for key, (name, default) in names.items()}
    for name, sound in sounds.items():
        samples = tf.constant(np.asarray(sound).astype(np.int16))
        values = audio_microfrontend_op.audio_microfrontend(samples, enable_log=True, out_scale=1, out_type=tf.uint16, **arguments)
        cases.append({'sound': name, 'options': given, 'values': text(values.numpy(), '<u2')})

data = {'sounds': {name: text(sound, '<i2') for name, sound in sounds.items()}, 'cases': cases}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'microFrontend.json'), 'w') as file:
    json.dump(data, file, indent=1)
    file.write('\n')
