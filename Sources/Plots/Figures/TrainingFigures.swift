import Pictures
import Text

extension FinetuneLog {
    func figures() -> [PlotFigure] {
        let caption = head.caption(
            lambda.map { "lambda \(NumberText.shortest($0))" }, batch.map { "batch \($0)" },
            total.flatMap { total in steps.last.flatMap { $0.step < total ? "\($0.step) of \(total) steps so far" : nil } })
        guard let last = steps.last else {
            return [
                PlotFigure(
                    "finetune",
                    chart: LineChart(
                        title: "No steps yet\(total.map { " of \($0)" } ?? "")", caption: caption,
                        alternative: "The log has no steps.", series: []))
            ]
        }
        func line(_ name: String, _ value: (Step) -> Double?, _ paint: Paint? = nil) -> LineChart.Series {
            LineChart.Series(
                name, steps.compactMap { step in value(step).map { LineChart.Vertex(Double(step.step), Estimate($0)) } }, paint: paint)
        }
        var charts: [LineChart] = []
        let range = Extents(horizontal: Double(steps[0].step)...Double(last.step))
        func add(_ title: String, _ series: [LineChart.Series]) {
            let shown = series.filter { !$0.vertices.isEmpty }
            if !shown.isEmpty { charts.append(LineChart(title: title, series: shown, horizontalTitle: "step", including: range)) }
        }
        add("loss", [line("loss", \.loss)])
        add("cross-entropy, nats", [line("training", \.crossEntropy), line("evaluation", \.evaluationLoss, .cluster(3))])
        let count = max(layers.count, steps.map(\.layers.count).max() ?? 0)
        var clusterability = (0..<min(count, 64)).map { place in
            line(place < layers.count ? layers[place] : "layer \(place)") { place < $0.layers.count ? $0.layers[place] : nil }
        }
        if count != 1 { clusterability.append(line("mean", \.clusterability, .ink)) }
        add(count == 1 && layers.count == 1 ? "clusterability of \(layers[0].singleLine)" : "clusterability", clusterability)
        add("guard's loss, nats", [line("guard", \.guardLoss, .cluster(2))])
        func change(_ name: String, _ value: (Step) -> Double?) -> String? {
            let known = steps.compactMap { step in value(step).map { (step.step, $0) } }
            guard let first = known.first, let last = known.last else { return nil }
            let least = known.min { $0.1 < $1.1 }!
            let most = known.max { $0.1 < $1.1 }!
            return
                "\(name): \(Words.number(first.1)) at step \(first.0), \(Words.number(last.1)) at step \(last.0), least \(Words.number(least.1)) at step "
                + "\(least.0), most \(Words.number(most.1)) at step \(most.0)."
        }
        var words = [
            change("Loss", \.loss), change("Cross-entropy", \.crossEntropy), change("Evaluation loss", \.evaluationLoss),
            change("Clusterability", \.clusterability), change("Guard's loss", \.guardLoss),
        ].compactMap(\.self)
        for (place, layer) in layers.prefix(24).enumerated() {
            if let text = change("Clusterability of \(layer)", { place < $0.layers.count ? $0.layers[place] : nil }) { words.append(text) }
        }
        let first = steps.first { $0.clusterability != nil }?.clusterability
        let ends = Words.together([first, steps.last { $0.clusterability != nil }?.clusterability])
        let heading = first == nil ? "" : "clusterability \(ends[0]) to \(ends[1]), "
        let losses = Words.together([steps[0].crossEntropy, last.crossEntropy])
        return [
            PlotFigure(
                "finetune",
                sheet: Sheet(
                    title:
                        "Step \(last.step): \(heading)cross-entropy \(losses[0]) to \(losses[1])",
                    caption: caption, alternative: words.joined(separator: " "), charts: charts, columns: 2, sharing: .horizontal))
        ]
    }
}
