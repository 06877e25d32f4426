import Checkpoints
import Tensors
import Text

/// Adds the layers of a network of images, whose sizes are those of their tensors. A layer's site is the name of its module.
struct ImageParts {
    let names: CheckpointNames
    let checkpoint: Checkpoint
    let settings: Configuration
    private(set) var builder: NetworkBuilder
    private let catalog: LayerCatalog
    /// What every nonlinearity of a model is, and the number that its batch norms add to the variance.
    var activation: any Operation = Activation(.relu)
    var epsilon: Float = 1e-5

    init(_ source: FamilySource) {
        names = source.names
        checkpoint = source.checkpoint
        settings = source.settings
        catalog = source.catalog
        builder = NetworkBuilder(source.checkpoint)
    }

    /// Adds an operation without parameters.
    mutating func add(_ site: String, _ operation: some Operation, _ inputs: NodeID...) -> NodeID {
        builder.add(site, operation, inputs)
    }

    /// Adds the nonlinearity.
    mutating func activate(_ site: String, _ input: NodeID) -> NodeID { builder.add(site, activation, [input]) }

    /// Whether the model has the module.
    func has(_ module: String) -> Bool { names.has(module + ".weight") }

    /// The shape of a module's weight, which has `rank` dimensions, none of them 0.
    func shape(of module: String, rank: Int) throws(Problem) -> [Int] {
        try names.shape(of: module + ".weight", rank: rank, in: checkpoint)
    }

    private mutating func parameter(_ name: String, _ shape: [Int], stored: [Int]? = nil) throws(Problem) -> ParameterID {
        try builder.parameter(try names.fullName(name), shape: shape, stored: stored)
    }

    /// A convolution, with a bias if one is stored.
    ///
    /// - Parameters:
    ///   - padding: nil for half the filter, which keeps the size at stride 1.
    ///   - channels: those that it reads; its groups follow from them. nil for one group.
    mutating func convolution(
        _ module: String, _ input: NodeID, stride: Int = 1, padding: Int? = nil, channels: Int? = nil
    ) throws(Problem) -> NodeID {
        let shape = try shape(of: module, rank: 4)
        var groups = 1
        if let channels {
            guard channels % shape[1] == 0, shape[0] % (channels / shape[1]) == 0 else {
                throw Problem(
                    "the groups do not divide the channels", subject: "tensor '\(try names.fullName(module + ".weight"))'",
                    expected: "a divisor of \(channels) channels", found: words(shape))
            }
            groups = channels / shape[1]
        }
        var parameters = [try parameter(module + ".weight", shape)]
        if names.has(module + ".bias") { parameters.append(try parameter(module + ".bias", [shape[0]])) }
        let sides = (padding ?? shape[2] / 2, padding ?? shape[3] / 2)
        return builder.add(
            module, Convolution(stride: (stride, stride), padding: sides, groups: groups), [input], parameters: parameters)
    }

    /// A batch norm; the same node if the model has none, as where norms were folded into the convolutions.
    mutating func batchNorm(_ module: String, _ input: NodeID) throws(Problem) -> NodeID {
        guard names.has(module + ".running_mean") || names.has(module + ".weight") else { return input }
        let shape = try shape(of: module, rank: 1)
        var parameters: [ParameterID] = []
        for part in ["weight", "bias", "running_mean", "running_var"] { parameters.append(try parameter("\(module).\(part)", shape)) }
        return builder.add(module, BatchNorm(epsilon: epsilon), [input], parameters: parameters)
    }

    /// A layer norm of rows.
    mutating func layerNorm(_ module: String, _ input: NodeID, epsilon: Float) throws(Problem) -> NodeID {
        let shape = try shape(of: module, rank: 1)
        return builder.add(
            module, LayerNorm(epsilon: epsilon), [input],
            parameters: [try parameter(module + ".weight", shape), try parameter(module + ".bias", shape)])
    }

    /// A layer norm over the channels of images, at each place alone.
    mutating func channelNorm(_ module: String, _ input: NodeID, epsilon: Float) throws(Problem) -> NodeID {
        let rows = add("\(module).rows", ImageRows(), input)
        let normed = try layerNorm(module, rows, epsilon: epsilon)
        return add("\(module).image", RowsImage(), normed, input)
    }

    /// A linear layer, with a bias if one is stored. A convolution of single places, [out, in, 1, 1], is one of rows.
    mutating func linear(_ module: String, _ input: NodeID) throws(Problem) -> NodeID {
        let stored = checkpoint[try names.fullName(module + ".weight")]?.shape ?? []
        let isFilter = stored.count == 4 && stored[2...] == [1, 1]
        let shape = try Array(shape(of: module, rank: isFilter ? 4 : 2)[..<2])
        var parameters = [try parameter(module + ".weight", shape, stored: isFilter ? stored : nil)]
        if names.has(module + ".bias") { parameters.append(try parameter(module + ".bias", [shape[0]])) }
        return builder.add(module, Linear(), [input], parameters: parameters)
    }

    /// The factors of each channel of rows; the same node if the model has none.
    mutating func scale(_ tensor: String, _ input: NodeID, width: Int, stored: [Int]? = nil) throws(Problem) -> NodeID {
        guard names.has(tensor) else { return input }
        return builder.add(tensor, ChannelScale(), [input], parameters: [try parameter(tensor, [width], stored: stored)])
    }

    /// The mean over the places of images, then the scores of the classes; the images themselves if the model has no head.
    ///
    /// - Parameter layers: between the mean and the last layer.
    mutating func classify(
        _ last: NodeID, channels: Int, head: String,
        _ layers: (inout ImageParts, NodeID) throws(Problem) -> NodeID = { (_, node) throws(Problem) in node }
    ) throws(Problem) -> Ending {
        guard has(head) else { return Ending(output: last, width: channels, kind: .states) }
        let pooled = add("avgpool", AdaptiveAveragePool(output: (1, 1)), last)
        let rows = try layers(&self, add("flatten", Flatten(), pooled))
        let classes = try shape(of: head, rank: 2)[0]
        try settings.checkClasses(classes, rowsOf: head + ".weight")
        return Ending(output: try linear(head, rows), width: classes, kind: .classes)
    }

    /// How a network ends.
    struct Ending {
        let output: NodeID
        let width: Int
        let kind: OutputKind
    }

    /// The network of images of any size with this many channels. A tensor that nothing reads is an error: names and shapes alone say
    /// what these models compute, and one of another kind may have most of them.
    mutating func network(channels: Int, _ ending: Ending, kind: String) throws(Problem) -> Network {
        builder.anatomy.outputKind = ending.kind
        let network = builder.network(
            input: .values(shape: [channels, nil, nil]), output: ending.output, outputWidth: ending.width
        ) { name in checkpoint[name].map { !catalog.isParameter($0) } ?? true }
        if let other = network.unusedTensors.first {
            throw Problem("is no part of \(kind) that can be run", subject: "tensor '\(other)'")
        }
        return network
    }
}
