import Archives
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// What the operations of a graph do with its matrices decides what these are, not their names (fixtures/make_lookups.py).
@Suite struct GraphReadingsTests {
    static let files = ["traced.pt", "scripted.pt", "program.pt2", "decomposed.pt2", "script.onnx", "dynamo.onnx"]

    private func sides(_ catalog: LayerCatalog, _ name: String) throws -> [Int] {
        let layer = try #require(catalog[name], "\(name)")
        return [layer.outNeurons, layer.inNeurons]
    }

    private func reason(_ catalog: LayerCatalog, _ checkpoint: Checkpoint, _ name: String) throws -> LeftOut? {
        let chosen = Set(catalog.defaultLayers.map(\.tensorName))
        return catalog.leftOut(try #require(checkpoint[name], "\(name)"), chosen: chosen, isDefault: true)
    }

    /// Sums of products say by their letters which sides are summed over; several matrices in one are not the filters of a convolution
    /// (fixtures/make_turned.py).
    @Test(arguments: ["traced.pt", "program.pt2", "script.onnx", "dynamo.onnx"]) func factorsOfSumsAreWhatReadsThem(file: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("graphs/sums.\(file)"))
        let catalog = LayerCatalog(checkpoint)
        #expect(try sides(catalog, "wide") == [8, 6])
        #expect(try sides(catalog, "tall") == [9, 8])
        #expect(try reason(catalog, checkpoint, "stack") == .misfit)
    }

    /// The table of Flax's Embed has a name with a number (fixtures/make_containers.py).
    @Test func aTableOfFlaxIsAnEmbedding() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("containers/flax.msgpack"))
        let catalog = LayerCatalog(checkpoint)
        #expect(try reason(catalog, checkpoint, "Embed_0.embedding") == .embedding)
        #expect(try sides(catalog, "Embed_0.embedding") == [4, 5])
    }

    @Test(arguments: files) func matricesAreWhatReadsThem(file: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("graphs/lookup.\(file)"))
        try expectRoles(checkpoint)
    }

    /// What is made of a file keeps its graph.
    @Test(arguments: files) func convertedMatricesAreWhatReadsThem(file: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("graphs/lookup.\(file)"))
        try TemporaryFolder.with { folder in
            try CheckpointWriter(path: folder + "/m.tar").write(CheckpointDraft(checkpoint))
            try expectRoles(Checkpoint.open(folder + "/m.tar"))
        }
    }

    private func expectRoles(_ checkpoint: Checkpoint) throws {
        let catalog = LayerCatalog(checkpoint)
        // Tables have their entries as in-neurons, products what they multiply.
        for (name, shape, role) in [
            ("items.weight", [6, 11], LeftOut.embedding), ("words.weight", [6, 11], .embedding), ("spots.weight", [6, 9], .positions),
            ("rows", [6, 8], .positions), ("mixing", [6, 10], nil),
        ] {
            #expect(try sides(catalog, name) == shape, "\(name)")
            #expect(try reason(catalog, checkpoint, name) == role, "\(name)")
        }
        // The same numbers, out-neurons first.
        let original = try #require(Checkpoint.open(Fixtures.path("graphs/lookup.traced.pt"))["mixing"]).floats()
        let mixing = rows(try #require(catalog["mixing"]).weights())
        #expect(mixing == (0..<6).map { out in (0..<10).map { Double(original[$0 * 6 + out]) } })
        let linear = catalog.layers.first { $0.outNeurons == 10 && $0.inNeurons == 6 }
        let embed = try #require(linear)
        #expect(try reason(catalog, checkpoint, embed.tensorName) == nil)
        // What the exporters of ONNX store again is no other matrix.
        #expect(catalog.defaultLayers.count == 2 && catalog.family == .unknown)
        let counted = catalog.defaultChoice.leftOut.map { $0.reason.counted($0.count) }
        #expect(counted == ["2 embeddings", "2 position tables"])
    }

    /// Whole modules say by their classes what they are.
    @Test func tablesOfWholeModulesAreTables() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("graphs/lookup.whole.pt"))
        let catalog = LayerCatalog(checkpoint)
        #expect(try sides(catalog, "0.weight") == [6, 11] && reason(catalog, checkpoint, "0.weight") == .embedding)
        #expect(try sides(catalog, "2.weight") == [4, 30] && reason(catalog, checkpoint, "2.weight") == nil)
    }

    /// Without a graph the names are all that there is.
    @Test func namesDecideWhereNothingElseDoes() throws {
        let other = try catalog([("items.weight", [11, 6]), ("embed.weight", [10, 7])])
        #expect(try sides(other, "items.weight") == [11, 6] && sides(other, "embed.weight") == [7, 10])
    }
}
