import Foundation
import Pictures
import TestSupport
import Testing

@testable import Plots

/// Weights as maps and as neurons.
@Suite struct LayerPicturesTests {
    /// A layer whose weight from in-neuron j to out-neuron i is `weight(i, j)`.
    static func layer(
        _ name: String = "fc", out: [Int], into: [Int], k: Int? = 2, clusterability: Double? = 0.75, noise: Double? = nil,
        weight: @escaping @Sendable (Int, Int) -> Float
    ) -> DrawnLayer {
        DrawnLayer(
            name: name, outClusters: out, inClusters: into, clusterCount: k, clusterability: clusterability, noise: noise
        ) { body in
            for row in out.indices {
                let weights = into.indices.map { weight(row, $0) }
                try weights.withUnsafeBufferPointer { try body(row, $0) }
            }
        }
    }

    private static func maps(_ layers: [DrawnLayer], comparesOrder: Bool = false) -> WeightPictures {
        WeightPictures(models: [DrawnModel(path: "run/a.pt", layers: layers, mean: 0.5)], source: "seed 0", comparesOrder: comparesOrder)
    }

    /// The runs of clusters along an edge, as `cluster x count`.
    private static func runs(_ picture: DrawnPicture, _ side: String) -> [String] {
        picture.elements.compactMap { element in
            element.attributes["data-\(side)-cluster"].map { "\($0) x \(element.attributes["data-count"] ?? "")" }
        }
    }

    @Test func blocksStandInTheOrderOfTheirClusters() throws {
        let layer = Self.layer(out: [1, 0, -1, 0], into: [0, 1, 1, 0, 1], noise: 0.25) { $0 == 2 ? 0 : Float($0 + $1) }
        let picture = DrawnPicture(try #require(try Self.maps([layer]).sheet()))
        #expect(picture.failure == nil)
        #expect(Self.runs(picture, "row") == ["0 x 2", "1 x 1", "-1 x 1"])
        #expect(Self.runs(picture, "column") == ["0 x 2", "1 x 3"])
        #expect(picture.numbers("clusterability") == [0.75])
        #expect(picture.numbers("noise") == [0.25])
        #expect(picture.numbers("k") == [2])
        #expect(picture.text.contains("fc, k = 2: clusterability 0.75 (noise 0.25)"))
        #expect(picture.text.contains("run/a.pt · seed 0"))
        // Rows 1, 3, 0, 2 and columns 0, 3, 1, 2, 4.
        let reduced = try layer.magnitudes(inClusterOrder: true, side: 100)
        #expect(reduced.values == [1, 4, 2, 3, 5, 3, 6, 4, 5, 7, 0, 3, 1, 2, 4, 0, 0, 0, 0, 0])
    }

    @Test func theOrderOfTheFileStandsBeside() throws {
        let layer = Self.layer(out: [1, 0, 1], into: [1, 0]) { row, column in row == column ? 1 : 0 }
        let figure = try #require(try Self.maps([layer], comparesOrder: true).sheet())
        let picture = DrawnPicture(figure)
        #expect(picture.data("order") == ["file", "clusters"])
        #expect(Self.runs(picture, "row") == ["1 x 1", "0 x 1", "1 x 1", "0 x 1", "1 x 2"])
        #expect(picture.failure == nil)
    }

    @Test func cellsAreMeansInTheOrderOfTheClusters() throws {
        // Rows 0 and 2 are in cluster 0, rows 1 and 3 in cluster 1; columns likewise.
        let layer = Self.layer(out: [0, 1, 0, 1], into: [0, 1, 0, 1]) { row, column in
            Float(row % 2 == column % 2 ? -8 : 1) * Float(row + 1)
        }
        let reduced = try layer.magnitudes(inClusterOrder: true, side: 2)
        // The means over rows 1 and 3, and over rows 2 and 4, times 8 inside and 1 across.
        #expect(reduced.values == [16, 2, 3, 24])
        #expect(try layer.magnitudes(inClusterOrder: false, side: 4).values.prefix(4) == [8, 1, 8, 1])
    }

    @Test func modelsStandBesideEachOtherInTheSameColours() throws {
        let weak = Self.layer("fc", out: [0, 1], into: [0, 1], clusterability: 0.5) { _, _ in 1 }
        let strong = Self.layer("fc", out: [0, 1], into: [0, 1], clusterability: 0.9) { _, _ in 4 }
        let pictures = WeightPictures(
            models: [DrawnModel(path: "plain.tar", layers: [weak], mean: 0.5), DrawnModel(path: "tuned.tar", layers: [strong], mean: 0.9)],
            source: "")
        let figure = try #require(try pictures.sheet())
        #expect(figure.title == "fc, k = 2: clusterability plain.tar 0.50 and tuned.tar 0.90")
        let picture = DrawnPicture(figure)
        #expect(picture.data("clusterability") == ["0.5", "0.9"])
        // One colour bar for both.
        #expect(picture.text.components(separatedBy: "|W|").count == 2)
        #expect(pictures.fileNames == ["weights-fc"])
    }

    @Test func aSheetTakesTheMostAndTheLeastModularLayers() throws {
        let layers = (0..<40).map { place in
            Self.layer("layer\(place)", out: [0, 1], into: [0, 1], clusterability: Double((place * 17) % 40) / 40) { _, _ in 1 }
        }
        let figure = try #require(try Self.maps(layers).sheet())
        #expect(figure.caption.contains("the 12 most and the 12 least modular of 40 layers"))
        let shown = DrawnPicture(figure).numbers("clusterability").map { Int(($0 * 40).rounded()) }.sorted()
        #expect(shown == Array(0..<12) + Array(28..<40))
        let pictures = Self.maps(layers)
        #expect(pictures.fileNames.count == 40)
        #expect(try pictures.figure(7).title.hasPrefix("layer7, "))
    }

    /// Noise cannot be compressed: what it shows has to be less.
    @Test func mapsOfRandomWeightsAreSmallFiles() throws {
        @Sendable func noise(_ row: Int, _ column: Int) -> Float {
            var bits = UInt64(row) << 32 | UInt64(column)
            for _ in 0..<2 { bits = (bits ^ bits >> 31) &* 0x9E37_79B9_7F4A_7C15 }
            return Float(bits >> 40) / Float(1 << 24) - Float(bits & 0xFFFF) / Float(1 << 16)
        }
        func layer(_ name: String, _ out: Int, _ into: Int) -> DrawnLayer {
            Self.layer(name, out: (0..<out).map { $0 * 4 / out }, into: (0..<into).map { $0 * 4 / into }, k: 4, weight: noise)
        }
        for (out, into) in [(1200, 700), (300, 2400)] {
            let bytes = PlotSheet.svg([try #require(try Self.maps([layer("fc", out, into)]).sheet())])
            #expect((50_000..<300_000).contains(bytes.count), "\(out) x \(into): \(bytes.count)")
            #expect(DrawnPicture(bytes).failure == nil)
        }
        let figure = try #require(try Self.maps((0..<24).map { layer("layer\($0)", 200, 200) }).sheet())
        let count = PlotSheet.svg([figure]).count
        #expect((100_000..<520_000).contains(count), "\(count)")
    }

    @Test func hardLayersAreDrawn() throws {
        let hostile = "<fc & \"x\">\u{202E}\n" + String(repeating: "n", count: 300)
        let many = Array(0..<1000)
        let layers = [
            Self.layer(hostile, out: [0], into: [0, 1]) { _, _ in 1 },
            Self.layer("zeros", out: [-1, -1], into: [-1], clusterability: nil) { _, _ in 0 },
            Self.layer("row", out: [0], into: Array(repeating: 0, count: 5000), k: 1) { _, _ in 1 },
            Self.layer("column", out: Array(repeating: 0, count: 5000), into: [0], k: 1) { _, _ in 1 },
            Self.layer("clusters", out: many, into: many, k: 1000) { $0 == $1 ? 1 : 0 },
            Self.layer("infinite", out: [0, 1], into: [0, 1]) { $0 == $1 ? .infinity : 1 },
            Self.layer("none", out: [], into: [0]) { _, _ in 1 },
            Self.layer("zeros", out: [0, 0], into: [0]) { _, _ in 0 },
        ]
        for comparesOrder in [false, true] {
            let figure = try #require(try Self.maps(layers, comparesOrder: comparesOrder).sheet())
            let bytes = PlotSheet.svg([figure])
            #expect(bytes.count < 2_000_000)
            let picture = DrawnPicture(bytes)
            #expect(picture.failure == nil)
            #expect(picture.text.contains("undefined"))
        }
        #expect(Set(Self.maps(layers).fileNames).count == 7)
        for isChain in [false, true] {
            let neurons = NeuronPictures(model: DrawnModel(path: "a.pt", layers: layers), source: "", isChain: isChain)
            let bytes = PlotSheet.svg([try #require(try neurons.sheet())])
            #expect(bytes.count < 2_000_000)
            #expect(DrawnPicture(bytes).failure == nil)
            for number in neurons.fileNames.indices { #expect(DrawnPicture(try neurons.figure(number)).failure == nil) }
        }
        #expect(try Self.maps([]).sheet() == nil)
        #expect(try NeuronPictures(model: DrawnModel(path: "", layers: []), source: "").sheet() == nil)
    }

    @Test func neuronsAreJoinedByTheHeaviestWeights() throws {
        let layer = Self.layer(out: [0, 1], into: [1, 0, 0]) { row, column in [[0.5, -3, 2], [1, 0, .nan]][row][column] }
        let neurons = NeuronPictures(model: DrawnModel(path: "a.pt", layers: [layer]), source: "") { min($0, 3) }
        let picture = DrawnPicture(try #require(try neurons.sheet()))
        #expect(picture.failure == nil)
        let edges = picture.elements.filter { $0.attributes["data-weight"] != nil }.map { element in
            ["from", "to", "weight"].map { element.attributes["data-\($0)"] ?? "" }.joined(separator: " ")
        }
        // All three lie inside a cluster; the heaviest is painted last.
        #expect(edges == ["0 1 1", "2 0 2", "1 0 -3"])
        #expect(picture.text.contains("the heaviest 3 of 4 weights are drawn"))
    }

    @Test func aLayerWithoutScoresSaysHowManyOfItsWeightsAreInsideClusters() throws {
        func title(out: [Int], into: [Int]) throws -> String {
            var layer = Self.layer(out: out, into: into) { row, column in [[0.5, -3, 2], [1, 0, .nan]][row][column] }
            layer.clusterCount = nil
            let neurons = NeuronPictures(model: DrawnModel(path: "a.pt", layers: [layer]), source: "")
            return try #require(try neurons.sheet()).title
        }
        // 0.5 joins in-neuron 0 of cluster 1 to out-neuron 0 of cluster 0.
        #expect(try title(out: [0, 1], into: [1, 0, 0]) == "fc: 3 of the heaviest 4 weights inside clusters")
        #expect(try title(out: [-1, -1], into: [-1, -1, -1]) == "fc: the heaviest 4 of 4 weights")
    }

    @Test func aChainFoldsTheInNeuronsOfOneChannel() throws {
        let first = Self.layer("conv", out: [0, 1], into: [0, 1]) { row, column in row == column ? 2 : 0 }
        // Two in-neurons for each channel: 3 and 4 make 5.
        let second = Self.layer("fc", out: [1], into: [0, 0, 1, 1]) { _, column in [3, 4, 0, 1][column] }
        let neurons = NeuronPictures(model: DrawnModel(path: "a.pt", layers: [first, second]), source: "", isChain: true)
        #expect(neurons.isOneNetwork && neurons.fileNames == ["network"])
        let picture = DrawnPicture(try #require(try neurons.sheet()))
        #expect(picture.numbers("weight") == [2, 5, 1])
        let third = Self.layer("odd", out: [1], into: [0, 0, 1]) { _, _ in 1 }
        // Layers that do not follow each other are drawn separately.
        let apart = NeuronPictures(model: DrawnModel(path: "a.pt", layers: [first, third]), source: "", isChain: true)
        #expect(!apart.isOneNetwork && apart.fileNames == ["neurons-conv", "neurons-odd"])
    }

    // MARK: Chains of many layers

    private static func chain(_ layers: Int, widths: (Int) -> Int = { _ in 4 }) -> NeuronPictures {
        let drawn = (0..<layers).map { layer in
            Self.layer(
                "fc\(layer).weight", out: (0..<widths(layer + 1)).map { $0 % 2 }, into: (0..<widths(layer)).map { $0 % 2 }
            ) { Float($0 + $1 + 1) }
        }
        return NeuronPictures(model: DrawnModel(path: "net.tar", layers: drawn, mean: 0.5), source: "seed 0", isChain: true)
    }

    @Test(arguments: [2, 15, 16, 40, NeuronPictures.mostChained]) func aChainIsOnePicture(layers: Int) throws {
        let pictures = Self.chain(layers)
        #expect(pictures.isOneNetwork && pictures.obstacle == nil && pictures.fileNames == ["network"])
        let figure = try #require(try pictures.sheet())
        guard case .chart(let chart as ChainGraph) = figure.content else {
            Issue.record("no chain")
            return
        }
        #expect(chart.columns.count == layers + 1 && chart.legend.map(\.label) == ["cluster 0", "cluster 1", "across"])
    }

    @Test func layersThatAreDrawnOneByOneSayWhy() {
        let many = Self.chain(NeuronPictures.mostChained + 1)
        #expect(!many.isOneNetwork && many.obstacle == "because one picture has room for 48 layers, found 49")
        let apart = Self.chain(3) { $0 == 2 ? 3 : 4 }
        // fc1 writes 3 neurons, and fc2 reads 3: they follow each other whatever their number.
        #expect(apart.isOneNetwork)
        var broken = Self.chain(3)
        broken.model.layers.remove(at: 1)
        broken.model.layers[0] = Self.layer("x", out: [0, 1, 1], into: [0, 1]) { _, _ in 1 }
        #expect(!broken.isOneNetwork && broken.obstacle == "because they do not follow each other")
        broken.isChain = false
        #expect(broken.obstacle == nil && Self.chain(1).obstacle == nil)
    }

    @Test func fewOfTheWeightsOfSmallLayersAreDrawn() {
        #expect([12, 100, 256, 600, 2304, 4000].map(NeuronPictures.few) == [40, 40, 64, 150, 150, 200])
    }
}
