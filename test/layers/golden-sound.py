# Writes golden-sound.json: log-mel spectra and MFCC of librosa 0.11.0 and scipy, in float64. Run: python golden-sound.py
import json
import librosa, numpy as np, scipy.fft

def sound(samples):
    """The generator of `sound` in sound.test.ts: a chirp and noise."""
    state, out = 1, []
    for n in range(samples):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(0.5 * np.sin(n * (0.05 + n * 2e-4)) + 0.1 * (state / 2**31 - 1))
    return np.float32(out).astype(np.float64)

cases = []
for options in [
    dict(sampleRate=16000, frameLength=512, hop=256, mels=40, lowest=20, highest=8000, scale='slaney', norm='slaney', floor=1e-6, coefficients=13),
    dict(sampleRate=16000, frameLength=400, hop=160, mels=23, lowest=0, highest=7600, scale='htk', norm='none', floor=1e-6, coefficients=23),
    dict(sampleRate=8000, frameLength=255, hop=100, mels=8, lowest=100, highest=4000, scale='slaney', norm='none', floor=1e-3, coefficients=5),
]:
    y = sound(1600)
    mel = librosa.feature.melspectrogram(y=y, sr=options['sampleRate'], n_fft=options['frameLength'], hop_length=options['hop'], n_mels=options['mels'],
        fmin=options['lowest'], fmax=options['highest'], htk=options['scale'] == 'htk', norm='slaney' if options['norm'] == 'slaney' else None, center=False, power=2)
    logmel = np.log(mel.T + options['floor'])
    mfcc = scipy.fft.dct(logmel, type=2, norm='ortho', axis=1)[:, :options['coefficients']]
    cases.append({'options': options, 'shape': list(logmel.shape), 'logMel': np.round(logmel, 6).ravel().tolist(), 'mfcc': np.round(mfcc, 6).ravel().tolist()})
json.dump({'origin': 'test/layers/golden-sound.py, librosa 0.11.0', 'cases': cases}, open('golden-sound.json', 'w'), indent=0)
