"""Makes the small pictures in pictures/ and the values that Pillow and torchvision give for them
and for the pictures in examples/.

Run from the project's root, with Pillow 9.4 and torchvision 0.14 (Debian 12's python3-pil and
python3-torchvision):

    python3 src/test/resources/io/resfuse/data/make_expected.py

pictures.txt       NAME WIDTH HEIGHT CRC32 of the bytes of exif_transpose(open(NAME)).convert("RGB")
alpha.txt          the same of convert("RGBA"), of pictures that have alpha (of lossy ones only alpha)
pictures/*.rgb     those bytes, for lossy WebP, where decoders differ
resize.txt         SOURCE WIDTH HEIGHT FILTER CRC32 of Image.resize
colors.txt         SOURCE CHANGE FACTOR CRC32 of torchvision's adjust_CHANGE
preprocessing.txt  PRESET SOURCE RESIZE CROP CRC32 of the 8-bit crop, of the float32 NCHW tensor
"""

import io
import os
import struct
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.transforms import functional

HERE = os.path.dirname(os.path.abspath(__file__))
PICTURES = os.path.join(HERE, "pictures")
EXAMPLES = os.path.join(os.getcwd(), "examples")


def pattern(width, height, channels=3):
    """As SyntheticImages.pattern in the tests: every value of a byte, hard edges, fine detail."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    values = (x * 7 + y * 13 + c * 29 + x * y * 3) % 256
    values[(x // 5 + y // 3) % 4 == 0] = 255
    values[(x // 7 + y // 11) % 5 == 1] = 0
    array = values.astype(np.uint8)
    return Image.fromarray(array if channels >= 3 else array[:, :, 0])


def source():
    cat = Image.open(os.path.join(EXAMPLES, "chelsea.png")).convert("RGB")
    return cat.crop((120, 60, 320, 210)).resize((61, 47), Image.BICUBIC)


def alpha(image):
    ramp = np.add.outer(np.arange(image.height) * 5, np.arange(image.width) * 3) % 256
    return Image.fromarray(ramp.astype(np.uint8))


# --- PNG, of any kind ---


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(row, depth):
    """row: (width, channels) of samples"""
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype(np.uint8).tobytes()
    bits = np.unpackbits(row.reshape(-1, 1).astype(np.uint8), axis=1)[:, 8 - depth :]
    return np.packbits(bits.reshape(-1)).tobytes()


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(name, samples, depth, colour, interlaced=False, palette=None, trns=None, before=b""):
    height, width, channels = samples.shape
    raw = b""
    for x0, y0, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.shape[0] and part.shape[1]:
            for row in part:
                raw += b"\0" + pack_row(row, depth)
    data = b"\x89PNG\r\n\x1a\n"
    data += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
    data += before
    if palette is not None:
        data += chunk(b"PLTE", palette)
    if trns is not None:
        data += chunk(b"tRNS", trns)
    packed = zlib.compress(raw, 9)
    middle = len(packed) // 2
    data += chunk(b"IDAT", packed[:middle]) + chunk(b"IDAT", packed[middle:]) + chunk(b"IEND", b"")
    write(name, data)


def write(name, data):
    with open(os.path.join(PICTURES, name), "wb") as file:
        file.write(data)


def bytes_of(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation):
    value = Image.Exif()
    value[0x0112] = orientation
    return value.tobytes()


def tiff_big_endian(orientation):
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def make_png(rgb):
    array = np.array(rgb)
    ramp = np.array(alpha(rgb))
    grey = np.array(rgb.convert("L"))[:, :, None]
    rgb.save(os.path.join(PICTURES, "rgb.png"))
    Image.merge("RGBA", (*rgb.split(), alpha(rgb))).save(os.path.join(PICTURES, "rgba.png"))
    png("grey-alpha.png", np.concatenate([grey, ramp[:, :, None]], 2), 8, 4)
    for depth in (1, 2, 4, 8):
        png("grey-%d.png" % depth, grey >> (8 - depth), depth, 0)
    wide = array.astype(np.uint16) * 251 + ramp[:, :, None]
    png("rgb-16.png", wide, 16, 2)
    png("rgba-16.png", np.concatenate([wide, ramp[:, :, None] * 257], 2), 16, 6)
    png("grey-alpha-16.png", wide[:, :, :2], 16, 4)
    for interlaced in (False, True):
        suffix = "-interlaced" if interlaced else ""
        palette = np.random.RandomState(1).randint(0, 256, 768).astype(np.uint8).tobytes()
        for depth in (1, 2, 4, 8):
            entries = palette[: 3 * (1 << depth)]
            png("palette-%d%s.png" % (depth, suffix), grey >> (8 - depth), depth, 3, interlaced, entries)
    png("rgb-interlaced.png", array, 8, 2, True)
    png("palette-transparent.png", grey >> 4, 8, 3, palette=palette[:48], trns=bytes(range(0, 160, 10)))
    png("rgb-transparent.png", array, 8, 2, trns=struct.pack(">HHH", *[int(v) for v in array[3, 5]]))
    png("grey-transparent.png", grey, 8, 0, trns=struct.pack(">H", int(grey[3, 5, 0])))
    png("gamma-and-profile.png", array, 8, 2, before=chunk(b"gAMA", struct.pack(">I", 100000))
        + chunk(b"iCCP", b"junk\0\0" + zlib.compress(b"no profile")))
    png("orientation-6.png", array, 8, 2, before=chunk(b"eXIf", tiff_big_endian(6)))
    png("orientation-6-alpha.png", np.concatenate([array, ramp[:, :, None]], 2), 8, 6, before=chunk(b"eXIf", tiff_big_endian(6)))
    png("1x1.png", array[:1, :1], 8, 2)
    png("1x1-interlaced.png", array[:1, :1], 8, 2, True)


def make_jpeg(rgb):
    def save(name, image, **options):
        write(name, bytes_of(image, "JPEG", quality=88, **options))

    for code, label in ((0, "444"), (1, "422"), (2, "420")):
        save("baseline-%s.jpg" % label, rgb, subsampling=code)
    save("progressive-420.jpg", rgb, subsampling=2, progressive=True)
    save("progressive-444.jpg", rgb, subsampling=0, progressive=True, optimize=True)
    save("grey.jpg", rgb.convert("L"))
    save("icc.jpg", rgb, icc_profile=b"no profile at all")
    save("1x1.jpg", rgb.crop((0, 0, 1, 1)))
    cmyk = Image.merge("CMYK", (*rgb.split(), Image.eval(alpha(rgb), lambda v: v // 2)))
    save("cmyk.jpg", cmyk)
    save("cmyk-progressive.jpg", cmyk, progressive=True)
    plain = bytes_of(cmyk, "JPEG", quality=88)
    at = plain.index(b"Adobe") + 11
    assert plain[at] == 0
    write("ycck.jpg", plain[:at] + b"\2" + plain[at + 1 :])
    # Red, green and blue as components, marked by Adobe's transform 0 or by their names.
    plain = bytes_of(rgb, "JPEG", quality=88, subsampling=0)
    jfif = plain.index(b"\xff\xe0")
    rest = plain[jfif + 2 + struct.unpack(">H", plain[jfif + 2 : jfif + 4])[0] :]
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
    write("rgb-adobe.jpg", plain[:2] + adobe + rest)
    write("no-markers.jpg", plain[:2] + rest)
    sof, sos = rest.index(b"\xff\xc0"), rest.index(b"\xff\xda")
    named = bytearray(rest)
    for i, letter in enumerate(b"RGB"):
        named[sof + 10 + 3 * i] = letter
        named[sos + 5 + 2 * i] = letter
    write("rgb-named.jpg", plain[:2] + bytes(named))
    for orientation in range(1, 9):
        save("orientation-%d.jpg" % orientation, rgb.crop((0, 0, 24, 17)), exif=exif(orientation))
    write("fill-bytes.jpg", plain[:2] + b"\xff\xff" + plain[2:])


def make_gif(rgb):
    indexed = rgb.quantize(64)
    write("plain.gif", bytes_of(indexed, "GIF"))
    write("interlaced.gif", bytes_of(indexed, "GIF", interlace=1))
    write("grey.gif", bytes_of(rgb.convert("L"), "GIF"))
    write("two-colours.gif", bytes_of(rgb.convert("1"), "GIF"))
    write("transparent.gif", bytes_of(indexed, "GIF", transparency=5))
    frames = [rgb.rotate(90 * i).quantize(32) for i in range(3)]
    write("animated.gif", bytes_of(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50))
    plain = bytearray(bytes_of(indexed, "GIF", transparency=3))
    plain[6:10] = struct.pack("<HH", 80, 70)
    image = plain.index(b"\x2c", 13 + 3 * 64)
    plain[image + 1 : image + 5] = struct.pack("<HH", 11, 9)
    write("frame-on-canvas.gif", bytes(plain))


def bmp(name, width, height, bits, data, compression=0, extra=b"", colours=0):
    offset = 14 + 40 + len(extra)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 2835, 2835, colours, 0)
    write(name, struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + info + extra + data)


def make_bmp(rgb):
    write("rgb.bmp", bytes_of(rgb, "BMP"))
    write("grey.bmp", bytes_of(rgb.convert("L"), "BMP"))
    write("palette.bmp", bytes_of(rgb.quantize(200), "BMP"))
    write("two-colours.bmp", bytes_of(rgb.convert("1"), "BMP"))
    write("rgba.bmp", bytes_of(Image.merge("RGBA", (*rgb.split(), alpha(rgb))), "BMP"))
    array = np.array(rgb)
    height, width, _ = array.shape
    rows = np.zeros((height, width * 3 + (-width * 3) % 4), np.uint8)
    rows[:, : width * 3] = array[:, :, ::-1].reshape(height, -1)
    bmp("from-the-top.bmp", width, -height, 24, rows.tobytes())
    small = array >> 3
    values = small[:, :, 0].astype(np.uint16) << 10 | small[:, :, 1].astype(np.uint16) << 5 | small[:, :, 2]
    rows = np.zeros((height, width + width % 2), "<u2")
    rows[:, :width] = values[::-1]
    bmp("rgb-555.bmp", width, height, 16, rows.tobytes())
    rows[:, :width] = (small[:, :, 0].astype(np.uint16) << 11 | (array[:, :, 1].astype(np.uint16) >> 2) << 5 | small[:, :, 2])[::-1]
    bmp("rgb-565.bmp", width, height, 16, rows.tobytes(), 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    data = b""
    for row in (np.array(rgb.convert("L"))[::-1] >> 5).tolist():
        at = 0
        while at < len(row):
            run = 1
            while at + run < len(row) and run < 255 and row[at + run] == row[at]:
                run += 1
            data += bytes((run, row[at]))
            at += run
        data += b"\0\0"
    palette = b"".join(bytes((i * 30, 255 - i * 20, i * 10, 0)) for i in range(256 // 32))
    bmp("run-length.bmp", width, height, 8, data + b"\0\1", 1, palette, 8)


def make_webp(rgb):
    rgba = Image.merge("RGBA", (*rgb.split(), alpha(rgb)))
    write("lossless.webp", bytes_of(rgb, "WEBP", lossless=True))
    write("lossless-few-colours.webp", bytes_of(rgb.quantize(12).convert("RGB"), "WEBP", lossless=True))
    write("lossless-alpha.webp", bytes_of(rgba, "WEBP", lossless=True, exact=True))
    write("lossy.webp", bytes_of(rgb, "WEBP", quality=90))
    write("lossy-grey.webp", bytes_of(rgb.convert("L").convert("RGB"), "WEBP", quality=90))
    write("lossy-alpha.webp", bytes_of(rgba, "WEBP", quality=90, exact=True))
    write("lossless-orientation-8.webp", bytes_of(rgb, "WEBP", lossless=True, exif=exif(8)))
    frames = [rgb, rgb.rotate(180)]
    write("animated.webp", bytes_of(frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:]))
    ramp = np.add.outer(np.arange(160), np.arange(48)) % 256
    gradient = Image.fromarray(np.stack([ramp] * 3, 2).astype(np.uint8))
    write("lossy-gradient.webp", bytes_of(gradient, "WEBP", quality=30))
    write("lossless-one-colour.webp", bytes_of(Image.new("RGB", (900, 700), (3, 4, 5)), "WEBP", lossless=True))
    write("1x1.webp", bytes_of(rgb.crop((0, 0, 1, 1)), "WEBP", lossless=True))


def crc(data):
    return "%08x" % zlib.crc32(data)


def expect_pictures():
    lines = []
    names = [name for name in sorted(os.listdir(PICTURES)) if not name.endswith(".rgb")]
    examples = [os.path.join(EXAMPLES, name) for name in ("chelsea.png", "china.jpg", "coffee.png")]
    for path in [os.path.join(PICTURES, name) for name in names] + examples:
        name = os.path.basename(path)
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        data = image.tobytes()
        lines.append("%s %d %d %s\n" % (name, image.width, image.height, crc(data)))
        if name.startswith("lossy"):
            write(name + ".rgb", data)
    with open(os.path.join(HERE, "pictures.txt"), "w") as file:
        file.writelines(lines)


def expect_alpha():
    lines = []
    for name in sorted(os.listdir(PICTURES)):
        known = name.startswith("rgba") and name.endswith(".png") or name == "frame-on-canvas.gif"
        if name.endswith(".rgb") or not known and "alpha" not in name and "transparent" not in name:
            continue
        image = ImageOps.exif_transpose(Image.open(os.path.join(PICTURES, name))).convert("RGBA")
        data = image.getchannel("A").tobytes() if name.startswith("lossy") else image.tobytes()
        lines.append("%s %d %d %s\n" % (name, image.width, image.height, crc(data)))
    with open(os.path.join(HERE, "alpha.txt"), "w") as file:
        file.writelines(lines)


def load(name):
    if name.startswith("pattern-"):
        width, height, channels = (int(v) for v in name[8:].split("x"))
        return pattern(width, height, channels)
    return Image.open(os.path.join(EXAMPLES, name)).convert("RGB")


def expect_resizes():
    cases = [
        ("chelsea.png", 384, 256), ("chelsea.png", 100, 300), ("chelsea.png", 451, 17),
        ("chelsea.png", 7, 300), ("chelsea.png", 902, 601), ("chelsea.png", 1, 1),
        ("coffee.png", 384, 256), ("coffee.png", 333, 111), ("coffee.png", 601, 400),
        ("pattern-1x1x3", 5, 3), ("pattern-2x3x3", 7, 11), ("pattern-17x13x3", 17, 13),
        ("pattern-17x13x3", 224, 224), ("pattern-257x129x3", 13, 7), ("pattern-1000x3x3", 31, 40),
        ("pattern-3x1000x3", 40, 31), ("pattern-28x28x1", 32, 32), ("pattern-127x63x1", 28, 28),
        ("pattern-127x63x1", 254, 60), ("pattern-640x480x3", 320, 240), ("pattern-640x480x3", 213, 160),
        ("pattern-17x13x4", 224, 224), ("pattern-257x129x4", 13, 7), ("pattern-127x63x4", 127, 63),
        ("pattern-127x63x4", 127, 31), ("pattern-640x480x4", 213, 160),
    ]
    lines = []
    for name, width, height in cases:
        for label, how in (("BILINEAR", Image.BILINEAR), ("BICUBIC", Image.BICUBIC)):
            data = load(name).resize((width, height), how).tobytes()
            lines.append("%s %d %d %s %s\n" % (name, width, height, label, crc(data)))
    with open(os.path.join(HERE, "resize.txt"), "w") as file:
        file.writelines(lines)


def expect_colors():
    cases = [
        ("brightness", (0.0, 0.3, 0.9, 1.7)), ("contrast", (0.0, 0.4, 0.95, 2.3)),
        ("saturation", (0.0, 0.6, 1.1, 3.0)), ("hue", (-0.5, -0.2, -0.03, 0.1, 0.31, 0.5)),
    ]
    lines = []
    for name in ("chelsea.png", "pattern-257x129x3", "pattern-40x30x1", "pattern-40x30x4"):
        for change, factors in cases:
            if change == "hue" and name.endswith("x4"):
                continue  # torchvision makes such pictures opaque
            for factor in factors:
                image = getattr(functional, "adjust_" + change)(load(name), factor)
                lines.append("%s %s %s %s\n" % (name, change, factor, crc(image.tobytes())))
    with open(os.path.join(HERE, "colors.txt"), "w") as file:
        file.writelines(lines)


PRESETS = {
    "torchvision": ("RGB", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "keras-caffe": ("BGR", [103.939, 116.779, 123.68], None),
    "torchvision-rgba": ("RGBA", [0.485, 0.456, 0.406, 0], [0.229, 0.224, 0.225, 1]),
    "cifar": ("RGB", [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
    "fashion-mnist": ("L", [0.2860], [0.3530]),
    "mnist": ("L", [0.1307], [0.3081]),
}


def resize_short_side(preset, image, size):
    if preset != "keras-caffe":
        return transforms.Resize(size)(image)
    # The long side is rounded to the nearest, not down.
    short = min(image.size)
    return image.resize(tuple((2 * size * side + short) // (2 * short) for side in image.size), Image.BILINEAR)


def expect_preprocessing():
    cases = [
        ("torchvision", "chelsea.png", 256, 224), ("torchvision", "coffee.png", 256, 224),
        ("torchvision", "pattern-1x1x3", 256, 224), ("torchvision", "pattern-2x3x3", 256, 224),
        ("torchvision", "pattern-640x480x3", 256, 224), ("torchvision", "pattern-255x257x3", 256, 224),
        ("torchvision", "pattern-1000x30x3", 256, 224), ("torchvision", "pattern-30x1000x3", 256, 224),
        ("torchvision", "pattern-641x333x3", 232, 225), ("torchvision", "pattern-300x200x3", 101, 224),
        ("torchvision", "pattern-200x301x3", 100, 131), ("torchvision", "pattern-64x64x1", 256, 224),
        ("keras-caffe", "chelsea.png", 256, 224), ("keras-caffe", "coffee.png", 256, 224),
        ("keras-caffe", "pattern-333x500x3", 256, 224), ("cifar", "pattern-32x32x3", 32, 32),
        ("cifar", "chelsea.png", 32, 32), ("fashion-mnist", "pattern-28x28x1", 28, 28),
        ("fashion-mnist", "chelsea.png", 28, 28), ("mnist", "pattern-57x41x1", 28, 28),
        ("torchvision-rgba", "pattern-333x250x4", 256, 224), ("torchvision-rgba", "pattern-64x48x3", 256, 224),
        ("torchvision-rgba", "pattern-200x301x4", 100, 131), ("torchvision", "pattern-333x250x4", 256, 224),
        ("fashion-mnist", "pattern-57x41x4", 28, 28),
    ]
    lines = []
    for preset, name, resize, size in cases:
        channels, mean, std = PRESETS[preset]
        crop = transforms.CenterCrop(size)(resize_short_side(preset, load(name), resize))
        image = crop.convert({"BGR": "RGB"}.get(channels, channels))
        if std:
            tensor = transforms.Normalize(mean, std)(transforms.ToTensor()(image))
        else:
            array = np.array(image)[:, :, ::-1].astype(np.float32) - np.array(mean, np.float32)
            tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
        floats = tensor.contiguous().numpy().astype("<f4").tobytes()
        lines.append("%s %s %d %d %s %s\n" % (preset, name, resize, size, crc(crop.tobytes()), crc(floats)))
    with open(os.path.join(HERE, "preprocessing.txt"), "w") as file:
        file.writelines(lines)


if __name__ == "__main__":
    os.makedirs(PICTURES, exist_ok=True)
    picture = source()
    make_png(picture)
    make_jpeg(picture)
    make_gif(picture)
    make_bmp(picture)
    make_webp(picture)
    expect_pictures()
    expect_alpha()
    expect_resizes()
    expect_colors()
    expect_preprocessing()
