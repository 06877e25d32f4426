import Testing

@testable import Checkpoints

/// The matrices of transcoders as the libraries that keep them multiply: a decoder's latents f become f @ W, an encoder's inputs x become
/// W @ x in circuit-tracer and x @ W elsewhere. Elements are 0, 1, 2, ... in the order of the file.
struct TranscoderLayerTests {
    private func names(_ catalog: LayerCatalog) -> [String] { catalog.layers.map(\.name).sorted() }

    private func matrix(_ catalog: LayerCatalog, _ name: String) throws -> [[Double]] {
        rows(try #require(catalog[name], "\(name) of \(names(catalog))").weights())
    }

    /// circuit-tracer: with two layers, M = 5, D = 3, decoders [M, L - i, D], applied as `W_dec[i][latent][j]` to layer i + j.
    @Test(arguments: ["W_dec.0", "W_dec_0"])
    func decodersOfCrossLayerTranscodersAreOneForEachLayer(_ name: String) throws {
        let biases = name == "W_dec.0" ? [("b_enc", [2, 5]), ("b_dec", [2, 3])] : [("b_enc_0", [5]), ("b_dec_0", [3])]
        for tensors in [[(name, [5, 2, 3])] + biases, [(name, [5, 2, 3])]] {
            let model = try catalog(tensors)
            #expect(names(model) == [name + "[0]", name + "[1]"])
            // [out 3, in 5]: latent m writes element 6 m + 3 j + d to output d of layer j.
            for layer in 0..<2 {
                let expected = (0..<3).map { d in (0..<5).map { m in Double(6 * m + 3 * layer + d) } }
                #expect(try matrix(model, "\(name)[\(layer)]") == expected)
            }
        }
    }

    @Test func encodersOfSeveralLayersAreOneForEach() throws {
        let tracer = try catalog([
            ("W_enc", [2, 5, 3]), ("b_enc", [2, 5]), ("b_dec", [2, 3]), ("activation_function.threshold", [2, 1, 5]),
        ])
        #expect(names(tracer) == ["W_enc[0]", "W_enc[1]"])
        #expect(try matrix(tracer, "W_enc[1]") == (0..<5).map { m in (0..<3).map { d in Double(15 + 3 * m + d) } })
        let turned = try catalog([
            ("encoder.W", [2, 3, 5]), ("encoder.b", [2, 5]), ("decoder.W_1", [2, 5, 3]), ("decoder.W_0", [1, 5, 3]),
            ("decoder.b", [2, 3]),
        ])
        #expect(names(turned) == ["decoder.W_0[0]", "decoder.W_1[0]", "decoder.W_1[1]", "encoder.W[0]", "encoder.W[1]"])
        #expect(try matrix(turned, "encoder.W[1]") == (0..<5).map { m in (0..<3).map { d in Double(15 + 5 * d + m) } })
        #expect(try matrix(turned, "decoder.W_1[1]") == (0..<3).map { d in (0..<5).map { m in Double(15 + 3 * m + d) } })
    }

    /// From every layer into every one, in both orders; into earlier layers nothing is written.
    @Test func decodersOfAllLayersAreThoseIntoLaterOnes() throws {
        let model = try catalog([("W_enc", [2, 3, 5]), ("W_dec", [2, 2, 5, 3]), ("b_enc", [2, 5])])
        #expect(names(model).filter { $0.hasPrefix("W_dec") } == ["W_dec[0][0]", "W_dec[0][1]", "W_dec[1][1]"])
        #expect(try matrix(model, "W_dec[0][1]") == (0..<3).map { d in (0..<5).map { m in Double(15 + 3 * m + d) } })
        let gemma = try catalog([("w_enc", [2, 3, 5]), ("w_dec", [2, 5, 2, 3]), ("b_enc", [2, 5])])
        #expect(try matrix(gemma, "w_dec[0][1]") == (0..<3).map { d in (0..<5).map { m in Double(6 * m + 3 + d) } })
    }

    @Test func matricesOfOneLayerHaveTheirLibrarysOrientation() throws {
        let gemma = try catalog([
            ("w_enc", [3, 5]), ("w_dec", [5, 2, 3]), ("b_enc", [5]), ("b_dec", [3]), ("affine_skip_connection", [3, 3]),
        ])
        #expect(try matrix(gemma, "w_enc") == (0..<5).map { m in (0..<3).map { d in Double(5 * d + m) } })
        #expect(try matrix(gemma, "w_dec[1]") == (0..<3).map { d in (0..<5).map { m in Double(6 * m + 3 + d) } })
        #expect(try matrix(gemma, "affine_skip_connection") == (0..<3).map { o in (0..<3).map { i in Double(3 * i + o) } })
        let tracer = try catalog([("W_enc_4", [5, 3]), ("b_enc_4", [5]), ("b_dec_4", [3]), ("threshold_4", [5])])
        #expect(try matrix(tracer, "W_enc_4") == (0..<5).map { m in (0..<3).map { d in Double(3 * m + d) } })
        // sparsify for several layers: a linear encoder, W_decs [M, D] each, W_skips [out, in] each.
        let eleuther = try catalog([
            ("encoder.weight", [5, 3]), ("encoder.bias", [5]), ("W_decs.0", [5, 3]), ("W_decs.1", [5, 3]),
            ("W_skips.0", [3, 3]),
        ])
        #expect(try matrix(eleuther, "W_decs.1") == (0..<3).map { d in (0..<5).map { m in Double(3 * m + d) } })
        #expect(try matrix(eleuther, "W_skips.0") == (0..<3).map { o in (0..<3).map { i in Double(3 * o + i) } })
        let skips = try catalog([("W_enc", [2, 5, 3]), ("b_enc", [2, 5]), ("W_skip", [2, 3, 3])])
        #expect(try matrix(skips, "W_skip[1]") == (0..<3).map { o in (0..<3).map { i in Double(9 + 3 * i + o) } })
    }

    /// A latent of a crosscoder reads all layers and writes all layers.
    @Test func crosscodersAreOneMatrixOnEachSide() throws {
        let model = try catalog([("W_enc", [2, 3, 5]), ("W_dec", [5, 2, 3]), ("b_enc", [5]), ("b_dec", [2, 3])])
        #expect(names(model) == ["W_dec", "W_enc"])
        #expect(try matrix(model, "W_enc") == (0..<5).map { m in (0..<6).map { x in Double(5 * x + m) } })
        #expect(try matrix(model, "W_dec") == (0..<6).map { y in (0..<5).map { m in Double(6 * m + y) } })
    }

    @Test(arguments: [
        [("W_dec_0", [5, 5, 3])], [("W_enc", [2, 5, 3])], [("W_enc", [2, 5, 5]), ("b_enc", [2, 5])],
        [("W_enc", [2, 3, 5]), ("b_enc", [4, 5])], [("W_dec", [2, 2, 5, 3])], [("W_dec", [5, 2, 3]), ("b_enc", [2, 7])],
        [("W_dec", [5, 2, 3]), ("b_enc", [2, 5]), ("b_dec", [2, 4])],
    ])
    func whatCannotBeToldIsNoLayer(_ tensors: [(String, [Int])]) throws {
        let model = try catalog(tensors)
        #expect(model.layers.isEmpty, "\(names(model))")
        #expect(model.misfits.map(\.name) == [tensors[0].0])
        #expect(model.misfits[0].reason.contains("cannot be told, expected ") && model.misfits[0].reason.contains("found the shape"))
    }
}
