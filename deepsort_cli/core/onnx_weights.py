"""Weights of ONNX models that are next to nothing, and slow a CPU down.

Weight decay drives the weights of channels that a network does not use towards zero, below 1.2e-38, where float32 has
fewer digits (denormal, or subnormal numbers). Many processors calculate with them in microcode, 100 times slower.
A few hundred among the 200,000 weights of an OSNet make the whole network four times slower there, and change no digit
of what it answers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

NEGLIGIBLE = 1e-20
"""Weights nearer to zero are taken as zero. Products of such numbers with each other would be denormal, too; beside
pixels and activations they are some 13 digits below the last one of float32."""

# Field numbers of onnx.proto, and the values of TensorProto.DataType
TO_INITIALIZERS, TO_CONSTANTS = (7, 5), (7, 1, 5, 5)
"""Ways through the messages of a model: graph → initializer, and graph → node → attribute → tensor."""
DIMS, DATA_TYPE, FLOAT_DATA, RAW_DATA, EXTERNAL_DATA = 1, 2, 4, 9, 13
FLOAT = 1
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Part = tuple[int, int]
"""Where something begins and ends in the model."""


def without_negligible(model: bytes) -> bytes | None:
    """A serialised ONNX model with its negligible weights set to zero.

    Weights are float32 arrays of two or more dimensions: a smaller one may be a scale or a guard against division by
    zero.

    Returns:
        The model as it would be; None where it has no such weights, keeps weights beside itself, or is none that can be
        read here.
    """
    data = bytearray(model)
    found = False
    try:
        for way in (TO_INITIALIZERS, TO_CONSTANTS):
            for tensor in _messages(data, way, (0, len(data))):
                weights = _weights(data, tensor)
                if weights is None:
                    continue
                small = (weights != 0) & (np.abs(weights) < NEGLIGIBLE)
                found = found or bool(small.any())
                weights[small] = 0
    except (IndexError, ValueError, NotImplementedError):  # ONNX Runtime says what is wrong with it
        return None
    return bytes(data) if found else None


def _weights(data: bytearray, tensor: Part) -> np.ndarray[tuple[int], np.dtype[np.float32]] | None:
    """The numbers of a tensor, which can be changed in place; None where they are no weights.

    Raises:
        NotImplementedError: they are in another file.
    """
    dimensions, kind, numbers = 0, 0, None
    for number, wire, begin, end in _fields(data, tensor):
        if number == DIMS:
            dimensions += 1 if wire == VARINT else sum(byte < 0x80 for byte in data[begin:end])
        elif number == DATA_TYPE:
            kind = data[begin]
        elif number in (FLOAT_DATA, RAW_DATA) and wire == BYTES:
            numbers = begin, end
        elif number == EXTERNAL_DATA:
            raise NotImplementedError
    if kind != FLOAT or dimensions < 2 or numbers is None:
        return None
    begin, end = numbers
    return np.frombuffer(data, "<f4", (end - begin) // 4, begin)


def _messages(data: bytearray, way: tuple[int, ...], part: Part) -> Iterator[Part]:
    """The messages at the end of a way through fields."""
    if not way:
        yield part
        return
    for number, wire, begin, end in _fields(data, part):
        if number == way[0] and wire == BYTES:
            yield from _messages(data, way[1:], (begin, end))


def _fields(data: bytearray, part: Part) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, begin and end of the fields of a message, in Protocol Buffers' encoding.

    Raises:
        IndexError, ValueError: it is none.
    """
    at, stop = part
    while at < stop:
        key, at = _varint(data, at)
        number, wire, begin = key >> 3, key & 7, at
        if wire == VARINT:
            _, at = _varint(data, at)
        elif wire == BYTES:
            length, begin = _varint(data, at)
            at = begin + length
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at > stop:
            raise ValueError("a field longer than its message")
        yield number, wire, begin, at


def _varint(data: bytearray, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends.

    Raises:
        IndexError, ValueError: it does not end.
    """
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number without an end")
