import Archives
import Text

/// Operators that exporters wrote for a layer that keeps a state, step by step.
extension ONNXModel.Node {
    /// What the documentation of such an operator begins with in graphs that were made here; the layer follows.
    static let layerNote = "modinspect: of a recurrent layer, "

    /// The recurrent layer of PyTorch that the operator is a part of, such as `LSTM`; nil for any other, and where the file does not say.
    package var recurrentLayer: String? {
        if let note { return String(note.dropFirst(Self.layerNote.count)) }
        for member in members {
            var (key, value): (String?, String?)
            var reader = ProtobufReader(member)
            while let (field, part) = try? reader.next() {
                if field == 1 { key = part.text() }
                if field == 2 { value = part.text() }
            }
            if key == "pkg.torch.onnx.class_hierarchy", let value, let layer = Self.recurrentLayer(in: value) { return layer }
        }
        return nil
    }

    /// The recurrent layer that a list of PyTorch's classes names.
    static func recurrentLayer(in classes: String) -> String? {
        ["LSTM", "GRU", "RNN"].first { classes.contains("torch.nn.modules.rnn.\($0)") }
    }
}
