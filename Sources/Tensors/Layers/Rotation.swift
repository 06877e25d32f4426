import Glibc
import Kernels
import KernelsV3

/// Rotary positions: pairs of elements of each head turned by angles that grow with the position.
package struct Rotation: Sendable {
    /// Which elements make a pair.
    package enum Pairing: Sendable {
        /// Element i with element i + rotated / 2 (Llama, GPT-NeoX).
        case halves
        /// Element 2 i with element 2 i + 1 (GPT-J).
        case neighbours
    }

    package let headDimension: Int
    /// The first elements of each head, an even number, that are turned.
    package let rotated: Int
    package let pairing: Pairing

    package init(headDimension: Int, rotated: Int, pairing: Pairing) {
        precondition(headDimension > 0 && rotated >= 0 && rotated % 2 == 0 && rotated <= headDimension, "\(rotated) of \(headDimension)")
        self.headDimension = headDimension
        self.rotated = rotated
        self.pairing = pairing
    }

    private var half: Int { rotated / 2 }

    /// The elements of a table for sequences of `length`.
    package func tableSize(length: Int) -> Int { length * rotated }

    /// Writes the cosines and the sines of the angles position * frequency, times `scale`: [length, 2, rotated / 2].
    ///
    /// The angle is rounded to single precision, as the models' own libraries round it; cosine and sine are exact beyond that.
    package func writeTable(frequencies: [Float], scale: Float, length: Int, into table: MutableTensor, team: Team) {
        precondition(
            frequencies.count == half && table.count >= tableSize(length: length), "\(frequencies.count) frequencies for \(rotated)")
        frequencies.withUnsafeBufferPointer { frequencies in
            nonisolated(unsafe) let frequencies = frequencies
            team.forEach(length, step: 16) { positions in
                for position in positions {
                    let row = table.mutablePointer + position * rotated
                    for i in 0..<half {
                        let angle = Double(Float(position) * frequencies[i])
                        row[i] = Float(cos(angle)) * scale
                        row[half + i] = Float(sin(angle)) * scale
                    }
                }
            }
        }
    }

    /// target = the turned heads of `source` [samples, length, heads * headDimension]; both may be the same memory.
    package func apply(to source: Tensor, table: Tensor, length: Int, into target: MutableTensor, team: Team) {
        forEachHead(source, target, length, team) { x, y, position in
            let c = table.pointer + position * rotated
            let s = c + half
            switch pairing {
            case .halves: Elementwise.isWide ? KernelsV3.rotateHalves(x, c, s, half, y) : Kernels.rotateHalves(x, c, s, half, y)
            case .neighbours:
                Elementwise.isWide ? KernelsV3.rotateNeighbours(x, c, s, half, y) : Kernels.rotateNeighbours(x, c, s, half, y)
            }
            if y != x, rotated < headDimension { (y + rotated).update(from: x + rotated, count: headDimension - rotated) }
        }
    }

    /// gradient += `outputGradient` with its heads turned back.
    package func addGradient(_ outputGradient: Tensor, table: Tensor, length: Int, to gradient: MutableTensor, team: Team) {
        forEachHead(outputGradient, gradient, length, team) { dy, dx, position in
            let c = table.pointer + position * rotated
            let s = c + half
            switch pairing {
            case .halves:
                Elementwise.isWide
                    ? KernelsV3.addRotatedHalvesGradient(dy, c, s, half, dx) : Kernels.addRotatedHalvesGradient(dy, c, s, half, dx)
            case .neighbours:
                Elementwise.isWide
                    ? KernelsV3.addRotatedNeighboursGradient(dy, c, s, half, dx) : Kernels.addRotatedNeighboursGradient(dy, c, s, half, dx)
            }
            for i in rotated..<headDimension { dx[i] += dy[i] }
        }
    }

    private func forEachHead(
        _ source: Tensor, _ target: MutableTensor, _ length: Int, _ team: Team,
        _ body: @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
    ) {
        let width = source.width
        precondition(
            source.count == target.count && width % headDimension == 0 && (length == 0 || source.rows % length == 0),
            "\(source.shape) into \(target.shape) of heads of \(headDimension)")
        team.forEach(source.rows, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                for head in stride(from: row * width, to: (row + 1) * width, by: headDimension) {
                    body(source.pointer + head, target.mutablePointer + head, row % length)
                }
            }
        }
    }
}
