import Pictures
import Text

/// Weight maps: the magnitudes of weights with rows and columns in the order of their clusters.
///
/// Maps are made one after the other, so that the memory taken is that of the pictures, not of the model.
package struct WeightPictures: LayerPictures {
    /// More models than these are told better by a line over checkpoints.
    package static let mostModels = 3
    /// So many maps are on one sheet; a directory takes all.
    static let mostMaps = 24

    package var models: [DrawnModel]
    /// How the clusters were found, and by which seed: what the caption says besides the checkpoints.
    package var source: String
    /// Whether the order of the file is shown beside that of the clusters.
    package var comparesOrder: Bool

    package init(models: [DrawnModel], source: String, comparesOrder: Bool = false) {
        self.models = models
        self.source = source
        self.comparesOrder = comparesOrder
    }

    /// A layer of one of the models.
    private struct Place {
        var model: Int
        var layer: Int
    }

    /// The layers of one name in the models that have it; of two layers of one name each its own.
    private var rows: [[Place]] {
        var rows: [[Place]] = []
        var places: [String: [Int]] = [:]
        for (number, model) in models.enumerated() {
            for (place, layer) in model.layers.enumerated() where !layer.outClusters.isEmpty && !layer.inClusters.isEmpty {
                // The same layer may have more before its name in one of the files.
                let name = models.count > 1 ? Words.layer(layer.name) : layer.name
                let row = places[name, default: []].first { rows[$0].allSatisfy { $0.model != number } }
                if let row {
                    rows[row].append(Place(model: number, layer: place))
                } else {
                    places[name, default: []].append(rows.count)
                    rows.append([Place(model: number, layer: place)])
                }
            }
        }
        return rows
    }

    private func layer(_ place: Place) -> DrawnLayer { models[place.model].layers[place.layer] }

    private var names: [String] { Words.names(ofPaths: models.map(\.path)) }

    private var mapsInRow: Int { max(1, models.count) * (comparesOrder ? 2 : 1) }

    // MARK: - One sheet

    /// All maps, or those of the most and the least modular layers; nil where there is no layer.
    package func sheet() throws -> PlotFigure? {
        let all = rows
        guard !all.isEmpty else { return nil }
        let limit = max(2, Self.mostMaps / mapsInRow)
        var shown = all
        var note: String?
        if all.count > limit {
            let ranked = all.indices.sorted { (score(all[$0]), $1) > (score(all[$1]), $0) }
            let most = (limit + 1) / 2
            shown = (ranked.prefix(most) + ranked.suffix(limit - most)).sorted().map { all[$0] }
            note = "the \(most) most and the \(limit - most) least modular of \(all.count) layers"
        }
        return try figure("weights", shown, note: note)
    }

    /// Layers whose score is undefined are the least modular.
    private func score(_ row: [Place]) -> Double { row.compactMap { layer($0).clusterability }.max() ?? -1 }

    // MARK: - A file for each layer

    package var fileNames: [String] {
        var used: Set<String> = []
        return rows.enumerated().map { place, row in
            let name = PlotFigure.fileName(["weights", layer(row[0]).name])
            return used.insert(name).inserted ? name : "\(name)-\(place + 1)"
        }
    }

    /// The picture of one layer.
    package func figure(_ number: Int) throws -> PlotFigure {
        var figure = try figure("weights", [rows[number]], note: nil)
        figure.name = fileNames[number]
        return figure
    }

    // MARK: - Pictures

    private func figure(_ name: String, _ rows: [[Place]], note: String?) throws -> PlotFigure {
        let maps = rows.reduce(0) { $0 + $1.count } * (comparesOrder ? 2 : 1)
        let side = Self.side(maps: maps, columns: columns(rows) ?? min(maps, 3))
        let charts = try rows.flatMap { try self.maps($0, side: side) }
        let caption = [models.map(\.path).joined(separator: ", "), source, note, orderNote]
            .compactMap(\.self).filter { !$0.isEmpty }.map(\.singleLine).joined(separator: " · ")
        if charts.count == 1 {
            var chart = charts[0]
            chart.caption = caption
            return PlotFigure(name, chart: chart)
        }
        let alternative = charts.prefix(Self.mostMaps).map(\.alternative).joined(separator: " ")
        return PlotFigure(
            name,
            sheet: Sheet(
                title: title(rows), caption: caption, alternative: alternative, charts: charts,
                columns: columns(rows),
                sharing: rows.count == 1 ? .everything : .nothing))
    }

    private func columns(_ rows: [[Place]]) -> Int? { mapsInRow > 1 ? mapsInRow : rows.count == 2 || rows.count == 4 ? 2 : nil }

    /// As many cells as a map has room for on a dense screen, fewer where there are many maps; those of noise are reduced again.
    private static func side(maps: Int, columns: Int) -> Int {
        let width = (PlotSheet.width - 20 * Double(columns)) / Double(columns)
        return Int(width * min(2, 1150 / (width * Double(maps).squareRoot())))
    }

    private var orderNote: String? {
        let isClustered = models.contains { $0.layers.contains { $0.clusterCount != nil } }
        return isClustered && !comparesOrder ? "rows and columns in the order of their clusters" : nil
    }

    private func title(_ rows: [[Place]]) -> String {
        if rows.count == 1 {
            let layers = rows[0].map(layer)
            let scores = zip(rows[0], Words.together(layers.map(\.clusterability))).map { place, score in
                (models.count > 1 ? names[place.model] + " " : "") + score
            }
            let k = layers[0].clusterCount.map { ", k = \($0)" } ?? ""
            return "\(layers[0].name.singleLine)\(k): clusterability \(Words.list(scores, atMost: 4))"
        }
        let numbers = Words.together(models.map(\.mean) + models.map(\.noise))
        let scores = models.indices.map { place in
            (models.count > 1 ? names[place] + " " : "") + numbers[place]
                + (models[place].noise == nil ? "" : " (noise \(numbers[models.count + place]))")
        }
        return (models.count == 1 ? "\(names[0]): mean" : "Mean") + " clusterability \(Words.list(scores, atMost: 4))"
    }

    /// The maps of one layer in all models, and in both orders, in the same colours.
    private func maps(_ row: [Place], side: Int) throws -> [HeatMap] {
        var maps: [HeatMap] = []
        for place in row {
            let layer = layer(place)
            let name = models.count > 1 ? names[place.model] + ", " : ""
            if comparesOrder { maps.append(try Self.map(layer, titled: "\(name)\(layer.name.singleLine), order of the file", false, side)) }
            maps.append(try Self.map(layer, titled: name + layer.title, true, side))
        }
        let colours = maps.reduce(Extents()) { $0.union($1.extents) }.colour
        for place in maps.indices { maps[place].range = colours }
        return maps
    }

    private static func map(_ layer: DrawnLayer, titled title: String, _ isOrdered: Bool, _ side: Int) throws -> HeatMap {
        func clusters(_ clusters: [Int]) -> [Int] {
            guard layer.clusterCount != nil else { return [] }
            return isOrdered ? DrawnLayer.order(clusters).map { clusters[$0] } : clusters
        }
        let (out, into) = (layer.outClusters.count, layer.inClusters.count)
        let noise = layer.noise.map { ", noise \(Words.number($0))" } ?? ""
        let words =
            "\(title): magnitudes of the weights of \(ByteText.counted(out, "out-neuron")) by \(ByteText.counted(into, "in-neuron")), "
            + (isOrdered ? "in the order of their clusters" : "in the order of the file")
            + "; clusterability \(Words.number(layer.clusterability))\(noise)."
        var map = HeatMap(
            title: title, alternative: words, rows: .init(count: out, title: "out-neurons", clusters: clusters(layer.outClusters)),
            columns: .init(count: into, title: "in-neurons", clusters: clusters(layer.inClusters)),
            values: .reduced(try layer.magnitudes(inClusterOrder: isOrdered, side: side), .mean), valueTitle: "|W|", shareInRange: 0.995)
        map.facts = layer.facts + [Datum("order", isOrdered ? "clusters" : "file")]
        (map.rows.showsBorders, map.columns.showsBorders) = (isOrdered, isOrdered)
        return map
    }
}
