import Pictures
import Text

/// Layers as their neurons, joined by the heaviest weights: each layer by itself, or all of them in a row.
package struct NeuronPictures: LayerPictures {
    /// So many layers are on one sheet; a directory takes all.
    static let mostLayers = 6
    /// So many layers have room beside each other in a picture of the network.
    package static let mostChained = 48
    /// So many weights are drawn in a picture of one layer, and in one of them all.
    private static let mostWeights = 1200
    private static let mostChainedWeights = 2000

    package var model: DrawnModel
    /// How the clusters were found, and by which seed: what the caption says besides the checkpoint.
    package var source: String
    /// Whether a layer's out-neurons are the next one's in-neurons, with the same clusters.
    package var isChain: Bool
    /// How many of a layer's weights, of which there are so many, may be drawn at most.
    package var mostDrawn: @Sendable (Int) -> Int

    package init(model: DrawnModel, source: String, isChain: Bool = false, mostDrawn: @escaping @Sendable (Int) -> Int = Self.few) {
        self.model = model
        self.source = source
        self.isChain = isChain
        self.mostDrawn = mostDrawn
    }

    /// A twentieth of the weights, or 150 if that is at most a quarter of them: more hide each other. A layer of 40 weights has all of them.
    package static let few: @Sendable (Int) -> Int = { max($0 / 20, min(150, max(40, $0 / 4))) }

    private var layers: [DrawnLayer] { model.layers.filter { !$0.outClusters.isEmpty && !$0.inClusters.isEmpty } }

    private var caption: String { [model.path, source].filter { !$0.isEmpty }.map(\.singleLine).joined(separator: " · ") }

    /// How many in-neurons of each layer belong to one out-neuron of that before: 1, or more where channels are flattened; nil where the
    /// layers are not one picture.
    private var folds: [Int]? {
        let layers = layers
        guard layers.count > 1, layers.count <= Self.mostChained else { return nil }
        var folds = [1]
        for (before, after) in zip(layers, layers.dropFirst()) {
            let (count, next) = (before.outClusters.count, after.inClusters.count)
            guard next % count == 0 else { return nil }
            folds.append(next / count)
        }
        return folds
    }

    /// Whether the layers are drawn as one network.
    package var isOneNetwork: Bool { isChain && folds != nil }

    /// Why the layers of a chain are drawn one by one; nil if they are not, or if there is only one.
    package var obstacle: String? {
        let count = layers.count
        guard isChain, count > 1, folds == nil else { return nil }
        return count > Self.mostChained
            ? "because one picture has room for \(Self.mostChained) layers, found \(count)" : "because they do not follow each other"
    }

    // MARK: - One sheet

    /// All layers, or the most and the least modular; nil where there is no layer.
    package func sheet() throws -> PlotFigure? {
        let all = layers
        guard !all.isEmpty else { return nil }
        if isChain, let folds { return try chain(folds) }
        guard all.count > 1 else { return try figure(0) }
        var shown = Array(all.indices)
        var note: String?
        if all.count > Self.mostLayers {
            let ranked = all.indices.sorted { (all[$0].clusterability ?? -1, $1) > (all[$1].clusterability ?? -1, $0) }
            let half = Self.mostLayers / 2
            shown = (ranked.prefix(half) + ranked.suffix(Self.mostLayers - half)).sorted()
            note =
                all.contains { $0.clusterCount != nil }
                ? "the \(half) most and the \(Self.mostLayers - half) least modular of \(all.count) layers"
                : "the first \(half) and the last \(Self.mostLayers - half) of \(all.count) layers"
        }
        let limit = max(200, 3 * Self.mostWeights / shown.count)
        let charts = try shown.map { try bipartite(all[$0], limit: min(limit, Self.mostWeights), caption: "") }
        let drawn = charts.map { min($0.weights.entries.count, Self.mostWeights) }.max() ?? 0
        return PlotFigure(
            "neurons",
            sheet: Sheet(
                title: title,
                caption: [caption, note, "at most \(drawn) of the heaviest weights of each layer, wider the heavier they are"].compactMap(
                    \.self
                ).joined(
                    separator: " · "),
                alternative: charts.map { "\($0.title): \($0.alternative)" }.joined(separator: " "), charts: charts,
                columns: 2, sharing: .nothing))
    }

    private var title: String {
        let name = Words.name(ofPath: model.path)
        if let mean = model.mean { return "\(name): mean clusterability \(Words.short(mean))" }
        return "\(name): the heaviest weights of \(ByteText.counted(layers.count, "layer"))"
    }

    private func chain(_ folds: [Int]) throws -> PlotFigure {
        let layers = layers
        let limit = Self.mostChainedWeights / layers.count
        var columns = [NeuronColumn("in of \(layers[0].name.singleLine)", clusters: layers[0].inClusters)]
        var weights: [HeaviestWeights] = []
        for (layer, fold) in zip(layers, folds) {
            columns.append(NeuronColumn(layer.name.singleLine, clusters: layer.outClusters))
            weights.append(try layer.heaviest(limit: limit, fold: fold, most: mostDrawn))
        }
        return PlotFigure("network", chart: ChainGraph(title: title, source: caption, columns: columns, weights: weights))
    }

    // MARK: - A file for each layer

    /// One of the whole chain, or one for each layer.
    package var fileNames: [String] {
        if isChain, folds != nil { return ["network"] }
        var used: Set<String> = []
        return layers.enumerated().map { place, layer in
            let name = PlotFigure.fileName(["neurons", layer.name])
            return used.insert(name).inserted ? name : "\(name)-\(place + 1)"
        }
    }

    package func figure(_ number: Int) throws -> PlotFigure {
        if isChain, let folds { return try chain(folds) }
        var figure = PlotFigure("neurons", chart: try bipartite(layers[number], limit: Self.mostWeights, caption: caption))
        figure.name = fileNames[number]
        return figure
    }

    private func bipartite(_ layer: DrawnLayer, limit: Int, caption: String) throws -> Bipartite {
        let weights = try layer.heaviest(limit: limit, most: mostDrawn)
        return Bipartite(
            title: layer.clusterCount == nil ? Self.title(layer, weights) : layer.title, source: caption,
            inputs: NeuronColumn("in", clusters: layer.inClusters), outputs: NeuronColumn("out", clusters: layer.outClusters),
            weights: weights)
    }

    /// The title of a layer without scores: how many of the weights drawn lie inside its clusters, where it has some.
    private static func title(_ layer: DrawnLayer, _ weights: HeaviestWeights) -> String {
        let (name, drawn) = (layer.name.singleLine, weights.entries.count)
        guard drawn > 0 else { return name }
        guard (layer.outClusters + layer.inClusters).contains(where: { $0 >= 0 }) else {
            return "\(name): the heaviest \(ByteText.grouped(drawn)) of \(ByteText.grouped(weights.count)) weights"
        }
        let inside = weights.entries.count { entry in
            let cluster = layer.outClusters[entry.row]
            return cluster >= 0 && cluster == layer.inClusters[entry.column]
        }
        return "\(name): \(ByteText.grouped(inside)) of the heaviest \(ByteText.counted(drawn, "weight")) inside clusters"
    }
}
