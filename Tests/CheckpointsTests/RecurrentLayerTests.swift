import TestSupport
import Testing

@testable import Checkpoints

/// The tensors of layers that keep a state have the names of their modules, and the numbers that PyTorch gave them (fixtures/make_recurrent.py).
struct RecurrentLayerTests {
    /// PyTorch's name of each tensor, and the name that it has here.
    private static let names = [
        "gru": [
            (["weight_ih_l0"], "cells.weight_ih"), (["weight_hh_l0"], "cells.weight_hh"), (["bias_ih_l0", "bias_hh_l0"], "cells.bias"),
        ],
        "gru-two": [
            (["weight_ih_l0"], "cells.weight_ih"), (["weight_hh_l0"], "cells.weight_hh"), (["bias_ih_l0", "bias_hh_l0"], "cells.bias"),
            (["weight_ih_l1"], "cells.weight_ih_1"), (["weight_hh_l1"], "cells.weight_hh_1"),
            (["bias_ih_l1", "bias_hh_l1"], "cells.bias_1"),
        ],
        "lstm-both": [
            (["weight_ih_l0", "weight_ih_l0_reverse"], "cells.weight_ih"), (["weight_hh_l0", "weight_hh_l0_reverse"], "cells.weight_hh"),
            (["bias_ih_l0", "bias_hh_l0", "bias_ih_l0_reverse", "bias_hh_l0_reverse"], "cells.bias"),
        ],
        "lstm-bare": [(["weight_ih_l0"], "cells.weight_ih"), (["weight_hh_l0"], "cells.weight_hh")],
    ]

    @Test(arguments: names.keys.sorted(), ["script", "dynamo"]) func tensorsAreNamedAfterTheModule(name: String, exporter: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("recurrent/\(name).\(exporter).onnx"))
        let expected = try Checkpoint.open(Fixtures.path("recurrent/\(name).npz"))
        let catalog = LayerCatalog(checkpoint)
        let named = try #require(Self.names[name])
        let layers = named.map(\.1).filter { $0.contains("weight") }
        #expect(Set(catalog.defaultLayers.map(\.name)) == Set(layers + ["fc.weight"]))
        #expect(!checkpoint.tensors.contains { $0.dtype.isFloatingPoint && $0.name.hasPrefix("onnx::") })
        for (parts, own) in named {
            let record = try #require(checkpoint[own], "\(own)")
            let numbers = try parts.flatMap { try #require(expected[$0], "\($0)").floats() }
            #expect(record.floats() == numbers, "\(own)")
            let chosen = Set(catalog.defaultLayers.map(\.tensorName))
            let reason = catalog.leftOut(record, chosen: chosen, isDefault: true)
            #expect(reason == (own.contains("bias") ? .bias : nil), "\(own)")
        }
        // States of zeros before the first step are no matrices.
        for tensor in checkpoint.tensors where tensor.name.hasPrefix("val_") && tensor.dtype.isFloatingPoint && tensor.shape.count > 1 {
            #expect(catalog.leftOut(tensor, chosen: [], isDefault: true) == .token)
        }
    }
}
