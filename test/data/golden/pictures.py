# Writes pictures.json: files and pixels as Pillow 13.0.0 makes, reads and resizes them. Run: python pictures.py
import base64, io, json, struct
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

def bitmap(width, height, bits, rows, palette=b'', masks=(), core=False):
    """A .bmp of such rows (bytes, from the top; a negative height keeps their order)."""
    compression = 3 if masks else 0
    after = b''.join(struct.pack('<I', mask) for mask in masks) + palette
    header = struct.pack('<IHHHH', 12, width, height, 1, bits) if core else struct.pack('<IiiHHIIiiII', 56 if len(masks) == 4 else 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    body = b''.join(row + bytes(-len(row) % 4) for row in (rows if height < 0 else rows[::-1]))
    at = 14 + len(header) + len(after)
    return b'BM' + struct.pack('<IHHI', at + len(body), 0, 0, at) + header + after + body

def addBitmap(name, data, channels):
    image = Image.open(io.BytesIO(data))
    add(name, data, image.convert({1: 'L', 3: 'RGB', 4: 'RGBA'}[channels]), channels)

odd = rgb.crop((0, 0, 37, 24))
for name, image, channels in [('RGB.bmp', odd, 3), ('L.bmp', odd.convert('L'), 1), ('1.bmp', odd.convert('1'), 1), ('palette8.bmp', odd.quantize(99), 3)]:
    addBitmap(name, saved(image, 'BMP'), channels)
random = np.random.default_rng(1)
row_bytes = lambda count: [random.integers(0, 256, count, dtype=np.uint8).tobytes() for _ in range(5)]
colours = lambda count, size: b''.join(bytes([i * 7 % 256, i * 31 % 256, 255 - i, 0][:size]) for i in range(count))
addBitmap('palette4.bmp', bitmap(13, 5, 4, row_bytes(7), colours(16, 4)), 3)
addBitmap('palette1.bmp', bitmap(13, 5, 1, row_bytes(2), colours(2, 4)), 3)
addBitmap('topDown.bmp', bitmap(13, -5, 24, row_bytes(39)), 3)
addBitmap('core.bmp', bitmap(13, 5, 24, row_bytes(39), core=True), 3)
addBitmap('corePalette.bmp', bitmap(13, 5, 8, row_bytes(13), colours(256, 3), core=True), 3)
addBitmap('555.bmp', bitmap(13, 5, 16, row_bytes(26)), 3)
addBitmap('565.bmp', bitmap(13, 5, 16, row_bytes(26), masks=(0xf800, 0x7e0, 0x1f)), 3)
addBitmap('x888.bmp', bitmap(13, 5, 32, row_bytes(52)), 3)
addBitmap('8888.bmp', bitmap(13, 5, 32, row_bytes(52), masks=(0xff0000, 0xff00, 0xff, 0xff000000)), 4)
addBitmap('888x.bmp', bitmap(13, 5, 32, row_bytes(52), masks=(0xff000000, 0xff0000, 0xff00)), 3)

grey_of = np.array(Image.fromarray(noise(16, 16, 3, 3), 'RGB').convert('L'))
json.dump({'origin': 'test/data/golden/pictures.py, Pillow 13.0.0', 'resized': resized, 'files': files, 'luma': b64(grey_of)}, open('pictures.json', 'w'), indent=0)
