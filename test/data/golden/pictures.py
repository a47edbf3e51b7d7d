# Writes pictures.json: files and pixels as Pillow 13.0.0 makes, reads and resizes them. Run: python pictures.py
import base64, io, json
import numpy as np
from PIL import Image

def noise(height, width, channels, seed):
    """The generator of `noise` in ../pictures.ts."""
    state, out = seed, []
    for _ in range(height * width * channels):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(state >> 24)
    a = np.array(out, dtype=np.uint8).reshape(height, width, channels)
    return a[:, :, 0] if channels == 1 else a

b64 = lambda b: base64.b64encode(bytes(b)).decode()
filters = {'nearest': Image.NEAREST, 'area': Image.BOX, 'bilinear': Image.BILINEAR, 'bicubic': Image.BICUBIC, 'lanczos': Image.LANCZOS}
sizes = [(37, 23, 11, 7), (9, 7, 16, 13), (37, 23, 37, 9), (37, 23, 5, 23), (5, 3, 17, 11), (64, 48, 8, 8), (1, 1, 4, 4), (300, 2, 7, 1)]
resized = []
for w, h, to_w, to_h in sizes:
    for channels in (1, 3):
        mode = {1: 'L', 3: 'RGB'}[channels]
        image = Image.fromarray(noise(h, w, channels, 7), mode)
        for name, filter in filters.items():
            pixels = np.array(image.resize((to_w, to_h), filter))
            resized.append({'from': [w, h], 'to': [to_w, to_h], 'channels': channels, 'filter': name, 'pixels': b64(pixels)})

smooth = np.stack([np.add.outer(np.arange(24) * 5, np.arange(40) * 3), np.add.outer(np.arange(24) * 8, np.zeros(40)), np.add.outer(np.zeros(24), 255 - np.arange(40) * 6)], 2).clip(0, 255).astype(np.uint8)

def saved(image, format, **options):
    out = io.BytesIO(); image.save(out, format, **options); return out.getvalue()

files = []
def add(name, data, reference, channels):
    files.append({'name': name, 'file': b64(data), 'size': list(reference.size), 'channels': channels, 'pixels': b64(np.array(reference))})

rgb = Image.fromarray(smooth, 'RGB')
grey = rgb.convert('L')
add('RGB.png', saved(rgb, 'PNG'), rgb, 3)
add('L.png', saved(grey, 'PNG'), grey, 1)
for bits in (1, 2, 4):
    levels = 2**bits
    palette = rgb.quantize(levels)
    add(f'palette{bits}.png', saved(palette, 'PNG', bits=bits), palette.convert('RGB'), 3)
one = grey.convert('1')
add('1.png', saved(one, 'PNG'), one.convert('L'), 1)
la = Image.merge('LA', (grey, Image.new('L', rgb.size, 100)))
add('LA.png', saved(la, 'PNG'), grey, 1)
rgba = Image.merge('RGBA', (*rgb.split(), grey))
add('RGBA.png', saved(rgba, 'PNG'), rgba, 4)
deep = Image.fromarray((np.array(grey).astype(np.uint16) * 256 + 77))
add('16.png', saved(deep, 'PNG'), grey, 1)
see = rgb.quantize(8); see.info['transparency'] = bytes([0, 128, 255])
add('paletteAlpha.png', saved(see, 'PNG', transparency=bytes([0, 128, 255])), Image.open(io.BytesIO(saved(see, 'PNG', transparency=bytes([0, 128, 255])))).convert('RGBA'), 4)
for name, image, options in [('444.jpg', rgb, {'subsampling': 0}), ('420.jpg', rgb, {}), ('progressive.jpg', rgb, {'progressive': True, 'subsampling': 0}), ('L.jpg', grey, {}), ('restart.jpg', rgb, {'restart_marker_rows': 1, 'subsampling': 0})]:
    data = saved(image, 'JPEG', quality=90, **options)
    add(name, data, Image.open(io.BytesIO(data)), len(image.getbands()))
for orientation in range(1, 9):
    exif = Image.Exif(); exif[0x0112] = orientation
    data = saved(rgb, 'JPEG', quality=90, subsampling=0, exif=exif)
    from PIL import ImageOps
    add(f'orientation{orientation}.jpg', data, ImageOps.exif_transpose(Image.open(io.BytesIO(data))), 3)

grey_of = np.array(Image.fromarray(noise(16, 16, 3, 3), 'RGB').convert('L'))
json.dump({'origin': 'test/data/golden/pictures.py, Pillow 13.0.0', 'resized': resized, 'files': files, 'luma': b64(grey_of)}, open('pictures.json', 'w'), indent=0)
