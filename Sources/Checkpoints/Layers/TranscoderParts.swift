import Text

/// How the tensors of sparse autoencoders, transcoders, crosscoders and cross-layer transcoders are matrices.
///
/// With M latents, L layers and width D:
///
/// | stored by | encoder | decoder |
/// |---|---|---|
/// | SAELens, Gemma Scope | W_enc [D, M] | W_dec [M, D] |
/// | circuit-tracer, one layer | W_enc [M, D] | W_dec [M, D] |
/// | circuit-tracer, across layers | W_enc_3 [M, D] or W_enc [L, M, D] | W_dec_3 or W_dec.3 [M, L - 3, D] |
/// | Gemma Scope 2, across layers, one file a layer | w_enc [D, M] | w_dec [M, L, D] |
/// | crosslayer-transcoder | encoder.W [L, D, M] | decoder.W_3 [4, M, D], W_dec [L, L, M, D] |
/// | sparsify for several layers | encoder.weight [M, D] | W_decs.3 [M, D] |
/// | crosscoders | W_enc [L, D, M] | W_dec [M, L, D] |
///
/// A latent of a crosscoder reads and writes all layers at once: its tensors are one matrix each. A latent of a cross-layer transcoder belongs to
/// one layer and has a decoder for each later one, and each of these is a layer here. Skip connections of L layers are [L, in, out].
struct TranscoderParts {
    /// What a tensor is read as.
    enum Reading {
        case whole(MatrixLayout)
        case parts([TensorParts.Part])
        /// Which dimension is which cannot be told.
        case unclear(Problem)
    }

    private enum Role { case encoder, decoder, skip }

    /// A file can claim any number of layers for a few bytes.
    private static let mostLayers = 1024

    let index: TensorIndex

    /// - Returns: nil for a tensor with another name.
    func reading(of name: TensorName, shape: [Int]) -> Reading? {
        guard let role = Self.role(name), shape.count >= 2, shape.count <= 4, !shape.contains(0) else { return nil }
        switch (role, shape.count) {
        case (.encoder, 2): return .whole(encoder(name, shape))
        case (.encoder, 3): return encoders(name, shape)
        case (.decoder, 2): return .whole(decoder(name, shape))
        case (.decoder, 3): return decoders(name, shape)
        case (.decoder, 4): return decodersOfAllLayers(name, shape)
        case (.skip, 2): return name.last == Self.affineSkip ? .whole(.transposed(blocks: 1, in: shape[0], out: shape[1])) : nil
        case (.skip, 3):
            return parts((0..<shape[0]).map { ("[\($0)]", [.place($0)]) }, .transposed(blocks: 1, in: shape[1], out: shape[2]))
        default: return .unclear(unclear(shape, "W_enc and W_dec of at most three dimensions, or W_dec of four"))
        }
    }

    /// Whether a tensor of several dimensions belongs to one of these models and is no matrix: biases and thresholds for each layer.
    static func isVector(_ name: TensorName, _ index: TensorIndex) -> Bool {
        guard name.last == "b", let parent = name.parts.dropLast().last, parent == "encoder" || parent == "decoder" else { return false }
        let front = name.full.dropLast()
        return index.shape(of: front + "W") != nil || index.shape(of: front + "W_0") != nil
    }
}

// MARK: - Names

extension TranscoderParts {
    private static let affineSkip = "affine_skip_connection"

    /// What a name says: `W_dec`, `W_dec_3`, `W_dec.3`, `W_decs.3`, `decoder.W`, `decoder.W_3`.
    private static func role(_ name: TensorName) -> Role? {
        if name.last == affineSkip { return .skip }
        var stem = name.last
        if isNumber(stem), let outer = name.parts.dropLast().last { stem = outer }
        switch withoutNumber(stem).lowercased() {
        case "w_enc", "w_encs": return .encoder
        case "w_dec", "w_decs": return .decoder
        case "w_skip", "w_skips": return .skip
        default: break
        }
        guard withoutNumber(name.last) == "W", let parent = name.parts.dropLast().last else { return nil }
        return parent == "encoder" ? .encoder : parent == "decoder" ? .decoder : nil
    }

    private static func isNumber(_ part: Substring) -> Bool { !part.isEmpty && part.utf8.allSatisfy { (48...57).contains($0) } }

    /// `W_dec` of `W_dec_3`.
    private static func withoutNumber(_ part: Substring) -> Substring {
        guard let place = part.lastIndex(of: "_"), isNumber(part[part.index(after: place)...]) else { return part }
        return part[..<place]
    }

    /// `_3` of `W_dec_3`, or nothing.
    private static func number(_ name: TensorName) -> Substring {
        let stem = withoutNumber(name.last)
        return name.last[stem.endIndex...]
    }

    /// What stands before the name of a matrix: that of its model with a dot at the end.
    private func front(_ name: TensorName) -> String {
        var last = name.last.utf8.count
        if Self.isNumber(name.last), let outer = name.parts.dropLast().last { last += outer.utf8.count + 1 }
        if Self.withoutNumber(name.last) == "W", let parent = name.parts.dropLast().last { last += parent.utf8.count + 1 }
        return String(decoding: name.full.utf8.dropLast(last), as: UTF8.self)
    }

    /// The shape of the biases of the latents: [M], or [L, M] where each layer has latents of its own.
    private func latents(_ name: TensorName) -> [Int]? {
        shape(front(name), ["b_enc" + Self.number(name), "b_enc", "encoder.b", "encoder.bias"])
    }

    /// The shape of the biases of the outputs: [D] or [L, D].
    private func outputs(_ name: TensorName) -> [Int]? {
        shape(front(name), ["b_dec" + Self.number(name), "b_dec", "decoder.b", "decoder.bias"])
    }

    private func shape(_ front: String, _ names: [String]) -> [Int]? { names.lazy.compactMap { index.shape(of: front + $0) }.first }
}

// MARK: - Shapes

extension TranscoderParts {
    private func encoder(_ name: TensorName, _ shape: [Int]) -> MatrixLayout {
        let isStored = shape[0] != shape[1] && latents(name)?.last == shape[0]
        return isStored ? .asStored(out: shape[0], in: shape[1]) : .transposed(blocks: 1, in: shape[0], out: shape[1])
    }

    private func decoder(_ name: TensorName, _ shape: [Int]) -> MatrixLayout {
        let isStored = shape[0] != shape[1] && outputs(name)?.last == shape[0]
        return isStored ? .asStored(out: shape[0], in: shape[1]) : .transposed(blocks: 1, in: shape[0], out: shape[1])
    }

    /// The encoders of several layers, [L, M, D] or [L, D, M]; those of a crosscoder, whose latents have one bias each, are one matrix.
    private func encoders(_ name: TensorName, _ shape: [Int]) -> Reading {
        guard let latents = latents(name), let count = latents.last, (shape[1] == count) != (shape[2] == count) else {
            return .unclear(unclear(shape, "biases b_enc that say which dimension has the latents"))
        }
        let isStored = shape[1] == count
        if latents.count == 1 {
            guard !isStored else { return .unclear(unclear(shape, "\(count) latents in the last dimension")) }
            return .whole(.transposed(blocks: 1, in: shape[0] * shape[1], out: shape[2]))
        }
        guard latents == [shape[0], count] else { return .unclear(unclear(shape, "the layers of the biases, \(latents[0])")) }
        return parts(
            (0..<shape[0]).map { ("[\($0)]", [.place($0)]) },
            isStored ? .asStored(out: count, in: shape[2]) : .transposed(blocks: 1, in: shape[1], out: count))
    }

    /// The decoders of one layer's latents into several layers, or of several layers' latents into one: [M, L, D] or [L, M, D].
    ///
    /// Where no bias tells the latents, they are more than the layers.
    private func decoders(_ name: TensorName, _ shape: [Int]) -> Reading {
        let latents = latents(name)
        let isFirst: Bool
        if let count = latents?.last, (shape[0] == count) != (shape[1] == count) {
            isFirst = shape[0] == count
        } else if latents == nil, shape[0] != shape[1] {
            isFirst = shape[0] > shape[1]
        } else {
            return .unclear(unclear(shape, "biases b_enc that say which dimension has the latents"))
        }
        if let width = outputs(name)?.last, width != shape[2] {
            return .unclear(unclear(shape, "the \(width) outputs of the biases in the last dimension"))
        }
        if isFirst, latents?.count == 1, self.shape(front(name), ["W_enc", "w_enc"])?.count == 3 {
            return .whole(.transposed(blocks: 1, in: shape[0], out: shape[1] * shape[2]))
        }
        return parts(
            (0..<shape[isFirst ? 1 : 0]).map { ("[\($0)]", isFirst ? [.all, .place($0)] : [.place($0)]) },
            .transposed(blocks: 1, in: shape[isFirst ? 0 : 1], out: shape[2]))
    }

    /// The decoders of every layer into every layer, [from, to, M, D] or [from, M, to, D], of which those into earlier layers are not used.
    private func decodersOfAllLayers(_ name: TensorName, _ shape: [Int]) -> Reading {
        guard let count = latents(name)?.last else {
            return .unclear(unclear(shape, "biases b_enc that say which dimension has the latents"))
        }
        let isLast = shape[0] == shape[1] && shape[2] == count
        let isSecond = shape[0] == shape[2] && shape[1] == count
        guard isLast != isSecond else {
            return .unclear(unclear(shape, "[layers, layers, \(count), width] or [layers, \(count), layers, width]"))
        }
        var places: [(String, [TensorRecord.Slice])] = []
        guard shape[0] <= Self.mostLayers else { return .unclear(unclear(shape, "at most \(Self.mostLayers) layers")) }
        for from in 0..<shape[0] {
            for to in from..<shape[0] {
                places.append(("[\(from)][\(to)]", isLast ? [.place(from), .place(to)] : [.place(from), .all, .place(to)]))
            }
        }
        return parts(places, .transposed(blocks: 1, in: count, out: shape[3]))
    }

    private func parts(_ places: [(suffix: String, slices: [TensorRecord.Slice])], _ layout: MatrixLayout) -> Reading {
        guard places.count <= Self.mostLayers * Self.mostLayers else {
            return .unclear(
                Problem("holds more matrices than any model has layers", expected: "at most \(Self.mostLayers)", found: "\(places.count)"))
        }
        return .parts(places.map { TensorParts.Part(suffix: $0.suffix, slices: $0.slices, layout: layout, isInput: false) })
    }

    private func unclear(_ shape: [Int], _ expected: String) -> Problem {
        Problem("which of its dimensions are layers, latents and width cannot be told", expected: expected, found: "the shape \(shape)")
    }
}
