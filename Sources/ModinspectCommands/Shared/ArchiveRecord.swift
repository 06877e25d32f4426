import Modularity
import Networks

/// The content of `modinspect.json` in a checkpoint that was written by this program.
struct ArchiveRecord: Encodable {
    let schema = "modinspect.checkpoint/1"
    /// The architecture of a plain chain, in the syntax of --arch.
    var architecture: String?
    /// Why what it was made of does not run as it says itself, so that nothing is assumed of the result; nil if it does.
    var refusal: String?
    let clusters: [Clusters]?
    let provenance: Provenance

    /// The clusters of one layer: for each neuron its cluster, -1 for none.
    struct Clusters: Encodable {
        let layer: String
        /// The number of clusters, of which some may be empty.
        let k: Int
        let out: [Int32]
        let `in`: [Int32]

        init(_ clustering: LayerClustering) {
            layer = clustering.layer
            k = clustering.clusterCount
            out = clustering.outLabels.values.map { Int32(clamping: $0) }
            `in` = clustering.inLabels.values.map { Int32(clamping: $0) }
        }
    }

    /// How the checkpoint was made.
    struct Provenance: Encodable {
        let version = modinspectVersion
        let command: [String]
        let seed: UInt64?
        let parent: CheckpointSource?
    }

    init(
        architecture: Architecture?, refusal: String? = nil, clusters: [Clusters]? = nil, seed: UInt64?, parent: CheckpointSource?,
        arguments: [String] = ProcessArguments.words.map { $0.text ?? $0.path }
    ) {
        self.architecture = architecture?.description
        self.refusal = refusal
        self.clusters = clusters
        provenance = Provenance(command: Self.withoutOutput(arguments), seed: seed, parent: parent)
    }

    /// The options whose values change nothing about what is written.
    private static let immaterialOptions = ["-o", "--output", "--threads", "--log", "--log-every", "--state", "--save-every"]

    /// The arguments without those that do not change what is written: the same command gives the same bytes wherever it writes them.
    static func withoutOutput(_ arguments: [String]) -> [String] {
        var kept: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case _ where Self.immaterialOptions.contains(argument): _ = rest.popFirst()
            case "--force", "--quiet", "--progress", "--resume": continue
            case _ where Self.immaterialOptions.contains { argument.hasPrefix($0 + "=") }: continue
            default: kept.append(argument)
            }
        }
        return kept
    }
}
