import ArgumentParser
import Networks

/// The connections between the layers of a plain chain, for checkpoints that do not record them.
struct ArchitectureOptions: ParsableArguments {
    @Option(
        name: .customLong("arch"),
        help: ArgumentHelp(
            "The modules of a plain chain and the operations between them, in order: conv1(padding=1),relu,maxpool(2),flatten,fc1,relu,fc2.",
            discussion: """
                Required for a chain with other layers than linear ones, unless the file stores whole modules; if all layers are linear, \
                ReLU is assumed between them. Modules are named as in the state dict. Without parameters: \
                \(Architecture.operationNames.joined(separator: ", ")).
                """, valueName: "list"),
        transform: { try OptionNames.parsing($0, Architecture.init) })
    var architecture: Architecture?
}
