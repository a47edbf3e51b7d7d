import * as attention from './attention.ts';
import * as core from './core.ts';
import * as images from './images.ts';
import * as normalization from './normalization.ts';
import * as recurrent from './recurrent.ts';
import * as sound from './sound.ts';

const { input: _input, present: _present, ...layers } = core;

/** Every layer factory by type, for model files. */
export const layerFactories = { ...attention, ...layers, ...images, ...normalization, ...recurrent, ...sound } as const;
