import Checkpoints

extension ModuleNames {
    /// The module that an element names; nil for an operation, also one that has a module's name and says which tensors it reads.
    func module(
        of element: Architecture.Element, in checkpoint: Checkpoint
    ) -> (name: String, tensors: [String: TensorRecord])? {
        guard let module = self[element.name], !module.tensors.isEmpty,
            !element.settings.contains(where: { Double($0.value) == nil && checkpoint[$0.value] != nil })
        else { return nil }
        return module
    }
}
