import Pictures
import Text

extension ClusterResult {
    func figures() -> [PlotFigure] {
        guard !layers.isEmpty else {
            return [PlotFigure("cluster", chart: BarChart(title: "No layers", caption: head.caption(), categories: [], series: []))]
        }
        // A cluster that a layer has none of is a gap there, not left out.
        let clusters = layers.reduce(into: Set<Int>()) { $0.formUnion(Array($1.out.keys) + Array($1.into.keys)) }.sorted()
        let charts = layers.map { layer in
            func values(_ sizes: [Int: Int]) -> [Estimate?] { clusters.map { Estimate(Double(sizes[$0] ?? 0)) } }
            var chart = BarChart(
                title: layer.name, categories: clusters.map { $0 < 0 ? "none" : String($0) },
                // The colours of clusters would mean something else here.
                series: [.init("out-neurons", values(layer.out), paint: .ink), .init("in-neurons", values(layer.into), paint: .axis)],
                direction: clusters.count > 24 ? .lying : .standing, valueTitle: "neurons", categoryTitle: "cluster")
            chart.isOfCounts = true
            return chart
        }
        func sizes(_ sizes: [Int: Int]) -> String {
            sizes.sorted { $0.key < $1.key }.prefix(40).map { "\($0.key < 0 ? "none" : String($0.key)): \($0.value)" }.joined(
                separator: ", ")
        }
        let words = layers.prefix(40).map {
            "\($0.name): out-neurons by cluster \(sizes($0.out)); in-neurons \(sizes($0.into)); clusterability \(Words.number($0.clusterability))."
        }
        let counted = layers.flatMap { layer in (Array(layer.out) + Array(layer.into)).filter { $0.key >= 0 }.map(\.value) }
        let name = head.checkpoint.map { Words.name(ofPath: $0) + ": " } ?? ""
        return [
            PlotFigure(
                "cluster-sizes",
                sheet: Sheet(
                    title: "\(name)\(counted.min() ?? 0) to \(counted.max() ?? 0) neurons in a cluster", caption: head.caption(),
                    alternative: words.joined(separator: " "), charts: charts,
                    columns: layers.contains { $0.out.count > 12 || $0.into.count > 12 } ? 1 : 2, sharing: .vertical))
        ]
    }
}

extension EvalResult {
    func figures() -> [PlotFigure] {
        var labels: [String] = []
        var seen: Set<String> = []
        for found in checkpoints.flatMap(\.classes) where seen.insert(found.label).inserted { labels.append(found.label) }
        let failedNote = failed.isEmpty ? nil : "failed: \(Words.list(failed.map(Words.name)))"
        let names = Words.names(ofPaths: checkpoints.map(\.path))
        let caption = head.caption(
            checkpoints.count == 1 ? checkpoints[0].answers.map { ByteText.counted($0, "answer") } : nil, failedNote,
            Words.list(checkpoints.map(\.path), atMost: 6))
        let summary = zip(names, checkpoints).map { name, found in
            "\(name) \(found.accuracy == nil && found.loss != nil ? "loss \(Words.short(found.loss))" : Words.percent(found.accuracy))"
        }
        let losses = zip(names, Words.together(checkpoints.map(\.loss))).map { "\($0) \($1)" }
        guard !labels.isEmpty else {
            // Running text has no classes: its losses are compared.
            return [
                PlotFigure(
                    "eval",
                    chart: DotChart(
                        title: checkpoints.isEmpty
                            ? "No results"
                            : "Loss: \(Words.list(losses, atMost: 4))",
                        caption: caption,
                        alternative: zip(names, checkpoints).prefix(60).map {
                            "\($0): "
                                + ($1.isOfNumbers
                                    ? "mean squared error \(Words.number($1.loss))."
                                    : "loss \(Words.number($1.loss)), accuracy \(Words.percent($1.accuracy)).")
                        }.joined(separator: " "), categories: names,
                        series: checkpoints.isEmpty ? [] : [.init("", checkpoints.map { $0.loss.map { Estimate($0) } })],
                        valueTitle: checkpoints.contains(where: \.isOfNumbers) ? "mean squared error" : "loss, nats",
                        including: 0...0))
            ]
        }
        let counts = Dictionary(
            checkpoints.flatMap(\.classes).compactMap { found in found.count.map { (found.label, $0) } },
            uniquingKeysWith: { first, _ in first })
        let series = zip(names, checkpoints).map { name, checkpoint in
            let found = Dictionary(checkpoint.classes.map { ($0.label, $0.accuracy) }, uniquingKeysWith: { first, _ in first })
            return BarChart.Series(checkpoints.count > 1 ? name : "", labels.map { (found[$0] ?? nil).map { Estimate($0) } })
        }
        let words = zip(names, checkpoints).prefix(12).map { name, checkpoint in
            let classes = checkpoint.classes.prefix(100).map { found in
                "class \(found.label) \(Words.percent(found.accuracy))\(found.count.map { " of \($0)" } ?? "")"
            }
            return
                "\(name): accuracy \(Words.percent(checkpoint.accuracy)), loss \(Words.number(checkpoint.loss)); \(classes.joined(separator: ", "))."
        }
        return [
            PlotFigure(
                "eval-classes",
                chart: BarChart(
                    title: "Accuracy by class: \(Words.list(summary, atMost: 4)) in all", caption: caption,
                    alternative: words.joined(separator: " "),
                    categories: labels.map { label in counts[label].map { "\(label) (n = \($0))" } ?? label }, series: series,
                    direction: labels.count > 12 || checkpoints.count > 4 ? .lying : .standing, valueTitle: "accuracy",
                    categoryTitle: "class and its samples",
                    references: checkpoints.count == 1 ? checkpoints[0].accuracy.map { [LineChart.Reference("all", $0)] } ?? [] : [],
                    including: 0...1))
        ]
    }
}
