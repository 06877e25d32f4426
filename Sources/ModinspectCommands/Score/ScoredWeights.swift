import Checkpoints
import Modularity
import Plots
import Synchronization

/// The models whose weights are drawn with their scores.
final class ScoredWeights: Sendable {
    private let models = Mutex<[DrawnModel]>([])
    /// What the pictures' captions say of the clusters.
    private let source: String
    private let comparesOrder: Bool
    /// Whether there are so few models that their weights can be told apart side by side.
    let areDrawn: Bool

    init(of modelCount: Int, source: String, comparesOrder: Bool) {
        areDrawn = modelCount <= WeightPictures.mostModels
        self.source = source
        self.comparesOrder = comparesOrder
    }

    /// Takes a model in where it has one number of clusters.
    func add(_ path: String, _ layers: [Layer], _ analysis: ModelAnalysis) {
        guard areDrawn, analysis.sweeps.count == 1, let sweep = analysis.sweeps.first else { return }
        let drawn = zip(layers, sweep.layers).map { DrawnLayer($0, $1) }
        models.withLock {
            $0.append(DrawnModel(path: path, layers: drawn, mean: sweep.mean(\.clusterability), noise: sweep.null?.mean))
        }
    }

    /// The pictures; nil where there are none.
    var pictures: WeightPictures? {
        let models = models.withLock { $0 }
        return models.isEmpty ? nil : WeightPictures(models: models, source: source, comparesOrder: comparesOrder)
    }
}
