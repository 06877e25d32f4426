import ArgumentParser
import Networks

/// The connections between the layers of a network, for checkpoints that do not record them.
struct ArchitectureOptions: ParsableArguments {
    @Option(
        name: .customLong("arch"),
        help: ArgumentHelp(
            "The modules of a network and the operations between them, in order: conv1(padding=1),relu,maxpool(2),flatten,fc1,relu,fc2.",
            discussion: """
                Required for a chain with other layers than linear ones, unless the file stores whole modules; if all layers are linear, \
                ReLU is assumed between them. Modules are named as in the state dict. Without parameters: \
                \(Architecture.operationNames.joined(separator: ", ")). In a graph, x=relu labels an output, x alone goes on from it, and add(x) adds it \
                to the output before. Operations that read more, or change the shape: \
                \(Architecture.graphOperationNames.joined(separator: ", ")); modinspect-formats(5) describes them.
                """, valueName: "list"),
        transform: { try OptionNames.parsing($0, Architecture.init) })
    var architecture: Architecture?
}
